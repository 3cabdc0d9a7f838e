import socket
import struct
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from mlplatform.telemetry.exposition import Exposition
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.processes import BeatMetrics, WorkerMetrics
from tests.helpers.waiting import wait_until


@pytest.fixture
def registry() -> CollectorRegistry:
    return process_registry()


@pytest.fixture
def exposition(registry: CollectorRegistry) -> Iterator[Exposition]:
    exposition = Exposition(registry, "127.0.0.1", 0)
    yield exposition
    exposition.close()


@pytest.mark.parametrize("path", ["/metrics", "/metrics/prometheus"])
def test_a_process_without_requests_exposes_its_metrics_on_a_port_of_its_own(
    registry: CollectorRegistry, exposition: Exposition, path: str
) -> None:
    BeatMetrics(registry, ["upkeep"]).published("upkeep")
    metrics = httpx.get(f"http://127.0.0.1:{exposition.port}{path}", trust_env=False).text
    assert 'mlplatform_beat_tasks_published_total{task="upkeep"} 1.0' in metrics
    assert "process_resident_memory_bytes" in metrics


def test_a_worker_begins_at_zero_and_tells_how_tasks_end(registry: CollectorRegistry) -> None:
    metrics = WorkerMetrics(registry, "trainer-worker", ["train"])
    ended = {
        outcome: registry.get_sample_value("mlplatform_worker_tasks_total", {"task": "train", "outcome": outcome})
        for outcome in WorkerMetrics.OUTCOMES
    }
    assert ended == dict.fromkeys(WorkerMetrics.OUTCOMES, 0)
    metrics.ended("train", "expired", None)
    metrics.ended("train", "succeeded", 2.0)
    assert registry.get_sample_value("mlplatform_worker_task_duration_seconds_count", {"task": "train"}) == 1
    succeeded = registry.get_sample_value("mlplatform_worker_task_last_success_timestamp_seconds", {"task": "train"})
    assert succeeded is not None
    assert succeeded > 0


def test_a_client_that_breaks_off_is_an_event_of_the_log_and_nothing_else(
    exposition: Exposition, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logs:
        with socket.create_connection(("127.0.0.1", exposition.port)) as client:
            client.sendall(b"GET /metr")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
        wait_until(lambda: bool(logs), what="the event")
    assert [line["event"] for line in logs] == ["a look at the metrics failed"]
    assert capfd.readouterr().err == ""
