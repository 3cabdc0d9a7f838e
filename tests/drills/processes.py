"""The processes of a stack, what they have counted, and more of the same kind beside them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Platform
from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until
from trainer.tasks import TRAIN

WORKER = "trainer.worker"

_BEAT = "trainer.beat"
_QUEUE = "MLPLATFORM_QUEUE"
_START_SECONDS = 60
_FIRST_DELIVERIES = 4

# In a process of its own, as any sender of messages is.
_PUBLISH = """
import sys
from trainer.settings import TrainerSettings
from trainer.tasks import CeleryQueue, create_celery
queue = CeleryQueue(create_celery(TrainerSettings(redis_url=sys.argv[1])))
for _ in range(int(sys.argv[3])):
    queue.publish(sys.argv[2])
"""


def found(platform: Platform, word: str, queue: str | None = None) -> list[psutil.Process]:
    """The stack's processes with a word in their command line, the runner itself left out; parents first."""
    matching = []
    for process in platform.processes():
        with suppress(psutil.NoSuchProcess):
            is_of_queue = queue is None or process.environ().get(_QUEUE) == queue
            if is_of_queue and any(word in argument for argument in process.cmdline()):
                matching.append(process)
    return matching


def publish_again(platform: Platform, job: str, times: int) -> None:
    """More messages with the id of a job, as if they were delivered again."""
    subprocess.run([sys.executable, "-c", _PUBLISH, _redis_url(platform), job, str(times)], check=True, timeout=60)


def _redis_url(platform: Platform) -> str:
    """With the password that the stack has made itself."""
    [beat] = found(platform, _BEAT)
    return str(beat.environ()["MLPLATFORM_REDIS_URL"])


def counted(url: str, name: str, **labels: str) -> float:
    """What a process counts for a metric of the platform's; 0 where it has nothing to say."""
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=5).text):
        for sample in family.samples:
            if sample.name == f"mlplatform_{name}" and sample.labels == labels:
                return float(sample.value)
    return 0.0


def deliveries_done(worker: str) -> float:
    """How many messages that ask for a training a worker is done with."""
    return counted(worker, "worker_tasks_total", task=TRAIN, outcome="succeeded")


@contextmanager
def another_beat(platform: Platform, folder: Path) -> Iterator[str]:
    """A second beat of the same stack, as a mistaken scaling would start it; where its metrics are."""
    [first, *_] = found(platform, _BEAT)
    with _like(first, MLPLATFORM_BEAT_SCHEDULE=str(folder / "schedule")) as url:
        yield url


@contextmanager
def another_worker(platform: Platform, **settings: str) -> Iterator[str]:
    """A second worker for trainings, which has shown that it does them; where its metrics are.

    Args:
        platform: whose broker, database and MLflow it shares.
        settings: in which it differs from the first.
    """
    [first, *_] = found(platform, WORKER, "training")
    with _like(first, **settings) as second:
        wait_until(lambda: _is_alive(second), within_seconds=_START_SECONDS, what="a second worker", every=0.2)
        _deliver_what_is_done(platform, second)
        yield second


def _is_alive(worker: str) -> bool:
    with suppress(httpx.TransportError):
        return counted(worker, "heartbeat_timestamp_seconds", process="trainer-worker") > 0
    return False


def _deliver_what_is_done(platform: Platform, second: str) -> None:
    """A worker is alive long before its child can begin with anything. There is nothing to do for a job at its end, but
    whoever is done with such a message can.
    """
    workers = (platform.settings.url("trainer-worker"), second)
    [ended, *_] = platform.client.get("/retrain?state=promoted").json()["jobs"]
    before = sum(map(deliveries_done, workers))
    publish_again(platform, ended["id"], _FIRST_DELIVERIES)
    wait_until(
        lambda: deliveries_done(second) > 0 and sum(map(deliveries_done, workers)) >= before + _FIRST_DELIVERIES,
        within_seconds=_START_SECONDS,
        what="the second worker to be done with a message",
        every=0.2,
    )


@contextmanager
def _like(first: psutil.Process, **settings: str) -> Iterator[str]:
    """Another process with the same command and, but for a port of its own, the same environment."""
    port = free_port()
    own = {"MLPLATFORM_PORT": str(port), **settings}
    second = psutil.Popen(first.cmdline(), env={**first.environ(), **own}, cwd=first.cwd())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        second.terminate()
        second.wait(30)
