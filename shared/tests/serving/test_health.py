import httpx
import pytest

from mlplatform.contracts import HOUSING
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried

pytestmark = pytest.mark.anyio


async def test_a_predictor_with_a_version_is_ready_and_names_it(predictor: httpx.AsyncClient) -> None:
    response = await predictor.get("/health")
    assert response.status_code == httpx.codes.OK
    body = response.json()
    assert (body["status"], body["model"], body["version"]) == ("ready", "housing", "1")
    assert body["registry"]["trouble"] is None


async def test_a_predictor_without_a_version_is_live_but_not_ready_and_says_why(
    settings: PredictorSettings, registry: InMemoryRegistry
) -> None:
    registry.is_up = False
    app = create_app(HOUSING, settings, registry, untried)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://predictor") as client:
        assert (await client.get("/health/live")).status_code == httpx.codes.OK
        assert (await client.get("/health/ready")).status_code == httpx.codes.SERVICE_UNAVAILABLE
        refused = await client.post("/predict", json=dict(HOUSING.example))
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert refused.headers["retry-after"]
    assert refused.json()["detail"] == "the first look at the model registry is not finished"
