"""One trace through the services, as a collector receives it; and nothing of it when nobody wants any."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from celery.app.task import Context

from mlplatform.contracts import IRIS
from mlplatform.serving.app import create_app as create_predictor
from mlplatform.serving.told import ToldEndpoint
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry import trace_context
from mlplatform.telemetry.registry import RegistryMetrics
from mlplatform.telemetry.tracing import open_tracing
from tests.helpers.collector import Collector
from trainer.api import create_app as create_trainer
from trainer.api import metrics_of
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.errors import TrainingCancelled
from trainer.figures import Figures
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.settings import TrainerSettings
from trainer.stages import traced_stages
from trainer.tasks import TRACEPARENT
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas
from trainer.tracing import traced_task

pytestmark = pytest.mark.anyio

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACEPARENT_OF_CLIENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


async def test_a_prediction_is_a_span_in_the_clients_trace(collector: Collector, tmp_path: Path) -> None:
    tracing = open_tracing("iris-predictor", collector.endpoint)
    app = create_predictor(IRIS, PredictorSettings(cache_dir=tmp_path), tracing=tracing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.state.predict), base_url="http://test") as client:
        headers = {
            "traceparent": TRACEPARENT_OF_CLIENT,
            "X-Request-ID": "request-1",
            "Content-Type": "application/json",
        }
        answer = await client.post("/predict", json=dict(IRIS.example), headers=headers)
    assert answer.status_code == 503  # no model is there
    assert tracing
    tracing.close()
    (span,) = collector.spans
    assert (span.service, span.name, span.trace_id, span.parent_id) == ("iris-predictor", "predict", TRACE, SPAN)
    assert span.attributes["request_id"] == "request-1"
    assert span.attributes["error.type"] == "ModelNotReady"
    assert span.has_failed
    assert 0 < span.seconds < 60


class Task:
    """As far as its trace goes."""

    name = "trainer.train"

    def __init__(self, traceparent: str | None = TRACEPARENT_OF_CLIENT) -> None:
        self.request = Context(headers={TRACEPARENT: traceparent})


async def test_a_retraining_is_one_trace_through_api_and_worker(collector: Collector, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    models, queue = InMemoryModels(), InMemoryQueue()
    tracing = open_tracing("trainer", collector.endpoint)
    metrics = metrics_of(Figures(engine), RegistryMetrics())
    app = create_trainer(JobStore(engine), queue, models, Ledger(engine, models), InMemoryReplicas(), metrics, tracing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        headers = {"traceparent": TRACEPARENT_OF_CLIENT}
        assert (await client.post("/retrain", json={"model": "iris"}, headers=headers)).status_code == 202
    assert tracing
    tracing.close()

    (handed_over,) = queue.traceparents.values()
    with traced_task(TrainerSettings(otlp_endpoint=collector.endpoint), Task(handed_over), "job-1"):
        pass
    at_api, at_worker = collector.spans
    assert (at_api.service, at_api.name, at_api.trace_id, at_api.parent_id) == ("trainer", "POST", TRACE, SPAN)
    assert (at_worker.service, at_worker.trace_id) == ("trainer-worker", TRACE)
    assert at_worker.parent_id == (handed_over or "").split("-")[2]
    assert at_worker.attributes["job"] == "job-1"


def told_of(*stages: str) -> tuple[list[str], Callable[[str, int], None]]:
    """Where stages are told; the last one is never reached, as the job is called off there."""
    told: list[str] = []

    def progress(stage: str, percent: int) -> None:
        del percent
        told.append(stage)
        if stage == stages[-1]:
            raise TrainingCancelled("not wanted any more")

    return told, progress


def train(
    endpoint: str | None, progress: Callable[[str, int], None], *stages: str, fails: Exception | None = None
) -> None:
    """A task that goes through stages."""
    settings = TrainerSettings(otlp_endpoint=endpoint)
    with traced_task(settings, Task(), "job-1") as tracing, traced_stages(tracing, progress) as tell:
        for stage in stages:
            tell(stage, 5)
        if fails:
            raise fails


def test_each_stage_of_a_training_is_a_span_within_its_tasks(collector: Collector) -> None:
    told, progress = told_of("load", "refit", "register")
    with pytest.raises(TrainingCancelled):
        train(collector.endpoint, progress, "load", "refit", "register", "never")
    assert told == ["load", "refit", "register"]
    spans = {span.name: span for span in collector.spans}
    assert spans.keys() == {"load", "refit", "trainer.train"}
    task = spans.pop("trainer.train")
    assert task.has_failed
    for span in spans.values():
        assert (span.trace_id, span.parent_id, span.has_failed) == (TRACE, task.id, False)


def test_a_stage_that_fails_is_a_span_that_has_failed(collector: Collector) -> None:
    with pytest.raises(KeyError):
        train(collector.endpoint, told_of("the end")[1], "export", fails=KeyError())
    assert [span.name for span in collector.spans if span.has_failed] == ["export", "trainer.train"]


def test_without_an_address_stages_are_told_all_the_same() -> None:
    told, progress = told_of("load", "end")
    train(None, progress, "load")
    assert told == ["load"]


async def test_without_an_address_a_trace_goes_on_and_makes_no_span() -> None:
    with traced_task(TrainerSettings(), Task(), "job-1"):
        assert trace_context.current.get() == TRACEPARENT_OF_CLIENT


def test_a_predictor_that_does_not_trace_has_the_plain_endpoint_and_loads_no_library_for_it() -> None:
    code = """
import json, sys
import iris_predictor.app
from mlplatform.contracts import IRIS
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
app = create_app(IRIS, PredictorSettings())
heavy = [name for name in sys.modules if name.startswith("opentelemetry.sdk") or name == "requests"]
print(json.dumps([type(app.state.predict).__name__, heavy]))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [ToldEndpoint.__name__, []]
