"""What operators see of a running platform."""

import shutil
import time

import httpx
import pytest

from mlplatform.contracts import CONTRACTS, Contract
from tests.e2e.conftest import Platform
from tests.helpers.page import assets_of
from tests.helpers.waiting import wait_until

contracts = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
SERVICES = ["housing-predictor", "iris-predictor", "trainer"]
services = pytest.mark.parametrize("service", SERVICES)


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


@pytest.mark.parametrize(
    ("process", "metric"),
    [
        ("gateway-internal", "mlplatform_gateway_requests_total"),
        ("trainer-worker", "mlplatform_worker_tasks_total"),
        ("trainer-upkeep", "mlplatform_worker_tasks_total"),
        ("trainer-beat", "mlplatform_beat_tasks_published_total"),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/metrics/prometheus"])
def test_so_do_the_processes_without_an_api(platform: Platform, process: str, metric: str, path: str) -> None:
    assert metric in httpx.get(platform.settings.url(process) + path).text


def test_worker_and_beat_show_that_they_work(platform: Platform) -> None:
    def seconds_since(process: str, series: str) -> float:
        text = httpx.get(platform.settings.url(process) + "/metrics").text
        (line,) = [line for line in text.splitlines() if line.startswith(series)]
        return time.time() - float(line.rsplit(" ", 1)[1])

    heartbeat = 'mlplatform_heartbeat_timestamp_seconds{process="%s"}'
    for process in ("trainer-worker", "trainer-upkeep", "trainer-beat"):
        assert seconds_since(process, heartbeat % process) < 60
    assert seconds_since("trainer", "mlplatform_upkeep_last_round_timestamp_seconds") < 180


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus on the PATH")
def test_prometheus_watches_them_all_by_the_same_rules(platform: Platform) -> None:
    url = platform.settings.url("prometheus") + "/api/v1"

    def up() -> set[str]:
        result = httpx.get(f"{url}/query", params={"query": "up == 1"}).json()["data"]["result"]
        return {series["metric"]["job"] for series in result}

    watched = {*SERVICES, "gateway", "trainer-worker", "trainer-upkeep", "trainer-beat", "prometheus"}
    wait_until(lambda: up() == watched, within_seconds=60, what="every target is up", every=0.5)
    rules = {rule["name"] for group in httpx.get(f"{url}/rules").json()["data"]["groups"] for rule in group["rules"]}
    assert {"PredictorDown", "AvailabilityBudgetBurns"} <= rules


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
