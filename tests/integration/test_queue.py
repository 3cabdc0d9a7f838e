"""The queue of trainings on a real Redis."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from deploy.local.binaries import find_redis
from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until
from trainer.errors import BrokerUnavailable
from trainer.settings import TrainerSettings
from trainer.tasks import CeleryQueue, create_celery

_START_SECONDS = 30


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A server and its URL."""
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "")
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([find_redis(), *options], stdout=log, stderr=log)
    try:
        ready = "Ready to accept connections"
        wait_until(lambda: ready in (tmp_path / "log").read_text(), within_seconds=_START_SECONDS, what="Redis")
        yield server, f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def celery(redis: tuple["subprocess.Popen[bytes]", str]) -> Iterator[Celery]:
    app = create_celery(TrainerSettings(redis_url=redis[1]))
    yield app
    app.close()


def test_a_job_waits_until_a_worker_takes_it(celery: Celery) -> None:
    queue = CeleryQueue(celery)
    assert queue.waiting() == set()
    for job in ("first", "second"):
        queue.publish(job)
    assert queue.waiting() == {"first", "second"}
    with celery.connection_for_read() as connection, connection.SimpleQueue("training") as taken:
        message = taken.get(timeout=5)
        assert message.headers["id"] == "first"
        assert queue.waiting() == {"second"}
        message.ack()
    assert queue.waiting() == {"second"}


def test_with_redis_away_nobody_knows_what_waits(redis: tuple["subprocess.Popen[bytes]", str], celery: Celery) -> None:
    server, _ = redis
    server.kill()
    server.wait()
    with pytest.raises(BrokerUnavailable):
        CeleryQueue(celery).waiting()
