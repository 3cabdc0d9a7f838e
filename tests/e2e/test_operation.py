"""What operators see of a running platform."""

import httpx
import pytest

from mlplatform.contracts import CONTRACTS, Contract
from tests.e2e.conftest import Platform
from tests.helpers.page import assets_of

contracts = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
services = pytest.mark.parametrize("service", ["housing-predictor", "iris-predictor", "trainer"])


def test_health_names_every_service_its_model_and_version(client: httpx.Client) -> None:
    response = client.get("/health")
    assert response.status_code == httpx.codes.OK
    health = response.json()
    assert health["status"] == "ok"
    assert set(health["services"]) == {"housing-predictor", "iris-predictor", "trainer"}
    for model in CONTRACTS:
        service = health["services"][f"{model}-predictor"]
        assert (service["status"], service["model"]) == ("ready", model)
        assert int(service["version"]) >= 1


@services
@pytest.mark.parametrize("path", ["/metrics", "/metrics/prometheus"])
def test_every_service_exposes_metrics_on_its_own_port(platform: Platform, service: str, path: str) -> None:
    metrics = httpx.get(platform.settings.url(service) + path).text
    assert "mlplatform_http_request_duration_seconds_bucket" in metrics
    assert "process_resident_memory_bytes" in metrics


@contracts
def test_predictions_are_counted_by_version(platform: Platform, client: httpx.Client, contract: Contract) -> None:
    url = platform.settings.url(f"{contract.model}-predictor") + "/metrics"
    version = client.post(f"/predict/{contract.model}", json=dict(contract.example)).json()["version"]
    series = f'mlplatform_predictions_total{{model="{contract.model}",variant="champion",version="{version}"}}'
    assert series in httpx.get(url).text


@services
def test_every_service_shows_its_api_without_the_internet(platform: Platform, service: str) -> None:
    page = httpx.get(platform.settings.url(service) + "/docs")
    assert page.status_code == httpx.codes.OK
    assert "https://" not in page.text
    needs = assets_of(page.text)
    assert {kind for _, kind in needs} == {"javascript", "css"}
    for address, kind in needs:
        asset = httpx.get(page.url.join(address))
        assert asset.status_code == httpx.codes.OK
        assert kind in asset.headers["content-type"]
        assert asset.content


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/docs", "/openapi.json", "/predict", "/predict/wine", "/health/live"]
)
def test_nothing_else_is_public(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.headers["content-type"] == "application/problem+json"


@contracts
def test_the_registry_holds_what_a_version_was_made_of(platform: Platform, contract: Contract) -> None:
    mlflow = platform.settings.url("mlflow") + "/api/2.0/mlflow"
    model = httpx.get(f"{mlflow}/registered-models/get", params={"name": contract.registered_model}).json()
    aliases = {entry["alias"]: entry["version"] for entry in model["registered_model"]["aliases"]}
    version = httpx.get(
        f"{mlflow}/model-versions/get", params={"name": contract.registered_model, "version": aliases["champion"]}
    ).json()["model_version"]
    tags = {tag["key"] for tag in version["tags"]}
    assert {"manifest_sha256", "onnx_sha256", "data_sha256"} <= tags


def measured(platform: Platform, contract: Contract) -> dict[str, float]:
    """The metrics of the run behind the champion, as MLflow has them."""
    mlflow = platform.settings.url("mlflow") + "/api/2.0/mlflow"
    version = httpx.get(
        f"{mlflow}/registered-models/alias", params={"name": contract.registered_model, "alias": "champion"}
    ).json()["model_version"]
    run = httpx.get(f"{mlflow}/runs/get", params={"run_id": version["run_id"]}).json()["run"]
    return {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}


def test_the_housing_champion_is_good_enough(platform: Platform) -> None:
    assert measured(platform, CONTRACTS["housing"])["holdout_rmse"] < 0.47


def test_the_iris_champion_is_good_enough(platform: Platform) -> None:
    assert measured(platform, CONTRACTS["iris"])["cv_accuracy_mean"] >= 0.95
