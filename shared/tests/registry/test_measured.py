"""Each call of the registry is counted once, whatever becomes of it, and no path of it makes a series."""

from collections.abc import Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry

from mlplatform.registry.measured import MeasuredAsyncTransport, MeasuredTransport
from mlplatform.telemetry.registry import CALLS, RegistryMetrics

pytestmark = pytest.mark.anyio

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def collectors() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(collectors: CollectorRegistry) -> RegistryMetrics:
    metrics = RegistryMetrics()
    metrics.expose(collectors)
    return metrics


def counted(collectors: CollectorRegistry) -> dict[tuple[str, str], float]:
    """The calls that there were."""
    return {
        (sample.labels["call"], sample.labels["code"]): sample.value
        for family in collectors.collect()
        for sample in family.samples
        if sample.name == "mlplatform_registry_requests_total" and sample.value
    }


def answering(status: int) -> Handler:
    return lambda _: httpx.Response(status)


def refusing(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody there", request=request)


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/2.0/mlflow/registered-models/get", "registered-models/get"),
        ("/api/2.0/mlflow/model-versions/get-download-uri", "model-versions/get-download-uri"),
        ("/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/model.onnx", "artifacts"),
        ("/api/2.0/mlflow/something/new", "other"),
        ("/version", "other"),
    ],
)
def test_a_call_is_counted_by_its_name(
    path: str, call: str, metrics: RegistryMetrics, collectors: CollectorRegistry
) -> None:
    transport = MeasuredTransport(metrics, httpx.MockTransport(answering(200)))
    with httpx.Client(base_url="http://mlflow", transport=transport) as client:
        client.get(path, params={"name": "x"})
    assert counted(collectors) == {(call, "2xx"): 1}
    assert collectors.get_sample_value("mlplatform_registry_request_duration_seconds_count", {"call": call}) == 1


@pytest.mark.parametrize(("handler", "code"), [(answering(404), "4xx"), (answering(503), "5xx"), (refusing, "none")])
async def test_what_fails_is_counted_as_it_does(
    handler: Handler, code: str, metrics: RegistryMetrics, collectors: CollectorRegistry
) -> None:
    transport = MeasuredAsyncTransport(metrics, httpx.MockTransport(handler))
    async with httpx.AsyncClient(base_url="http://mlflow", transport=transport) as client:
        try:
            assert (await client.get("/api/2.0/mlflow/runs/get")).is_error
        except httpx.ConnectError:
            assert handler is refusing
    assert counted(collectors) == {("runs/get", code): 1}


@pytest.mark.usefixtures("metrics")
def test_every_call_begins_at_zero(collectors: CollectorRegistry) -> None:
    for call in CALLS:
        for code in ("2xx", "5xx", "none"):
            labels = {"call": call, "code": code}
            assert collectors.get_sample_value("mlplatform_registry_requests_total", labels) == 0
