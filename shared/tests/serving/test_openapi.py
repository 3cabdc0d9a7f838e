import httpx
import pytest

from mlplatform.contracts import HOUSING

pytestmark = pytest.mark.anyio


async def test_the_api_description_derives_predict_from_the_contract(predictor: httpx.AsyncClient) -> None:
    document = (await predictor.get("/openapi.json")).json()
    operation = document["paths"]["/predict"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["examples"]["one row"]["value"] == HOUSING.example
    schema = document["components"]["schemas"]["HousingFeatures"]
    assert list(schema["properties"]) == list(HOUSING.feature_names)
    assert schema["properties"]["Latitude"]["maximum"] == 90
    assert "HousingInstances" in document["components"]["schemas"]


async def test_the_api_page_loads_nothing_from_outside(predictor: httpx.AsyncClient) -> None:
    page = (await predictor.get("/docs")).text
    assert "https://" not in page
    script = await predictor.get("/static-offline-docs/swagger-ui-bundle.js")
    assert script.status_code == httpx.codes.OK
