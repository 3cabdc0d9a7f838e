from contextlib import closing
from typing import Any

import pytest
from celery import Celery
from kombu.connection import Connection
from kombu.message import Message
from prometheus_client import CollectorRegistry

from mlplatform.telemetry.exposition import Exposition
from mlplatform.telemetry.processes import WorkerMetrics
from trainer.watching import watch_worker


def do_nothing() -> None:
    """A task."""


@pytest.mark.parametrize(("name", "soft", "outcome"), [("hard", False, "failed"), ("soft", True, "succeeded")])
def test_a_task_that_was_ended_at_its_hard_limit_has_failed(name: str, outcome: str, *, soft: bool) -> None:
    """At the soft one it is told to end, and what becomes of it is seen then."""
    collectors = CollectorRegistry()
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.task_acks_late = True
    watch_worker(app, WorkerMetrics(collectors, "trainer-upkeep", [name]), Exposition(collectors, "127.0.0.1", 0))
    task = app.task(name=name)(do_nothing)
    connection: Any = Connection("memory://")  # type: ignore[no-untyped-call] # kombu ships few types
    with closing(connection), connection.channel() as channel:
        request = task.Request(message_to(name, channel), app=app, on_ack=lambda *_: None)
        request.time_start = 1.0
        request.on_timeout(soft, 90)
        request.acknowledge()
    counted = collectors.get_sample_value("mlplatform_worker_tasks_total", {"task": name, "outcome": outcome})
    assert counted == 1


def message_to(task: str, channel: object) -> Any:  # noqa: ANN401 # kombu ships few types
    headers = {"id": "1", "task": task, "lang": "py"}
    return Message(  # type: ignore[no-untyped-call] # kombu ships few types
        "[[], {}, {}]", channel=channel, headers=headers, content_type="application/json", content_encoding="utf-8"
    )
