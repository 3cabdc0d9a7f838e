"""How Celery's processes tell their metrics what happens in them.

All of it happens in the worker's parent: its children come and go, and what they did is in SQL.
"""

from time import time
from typing import Any

from celery import Celery, Task
from celery.signals import after_task_publish, heartbeat_sent, task_received, worker_process_init
from celery.worker import state
from celery.worker.request import Request

from mlplatform.telemetry.exposition import Exposition
from mlplatform.telemetry.processes import BeatMetrics, WorkerMetrics


def watch_worker(app: Celery, metrics: WorkerMetrics, exposition: Exposition) -> None:
    """Count the tasks of a worker; before its first task is declared."""

    class CountedRequest(Request):  # type: ignore[misc] # Celery ships no types
        has_failed = False

        def on_failure(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 # as Celery has it
            self.has_failed = True
            return super().on_failure(*args, **options)

        def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001 # as Celery has it
            self.has_failed = self.has_failed or not soft
            super().on_timeout(soft, timeout)

        def acknowledge(self) -> None:  # late, so this is its end
            if not self.acknowledged:
                outcome = "expired" if self.time_start is None else "failed" if self.has_failed else "succeeded"
                metrics.ended(self.name, outcome, _seconds(self))
            super().acknowledge()

        def reject(self, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 # as Celery has it
            if not self.acknowledged:
                metrics.ended(self.name, "handed_back", _seconds(self))
            super().reject(requeue)

    class CountedTask(Task):  # type: ignore[misc] # Celery ships no types
        Request = CountedRequest

    app.task_cls = CountedTask
    metrics.watch_active(lambda: float(len(state.active_requests)))

    def alive(**_: object) -> None:
        metrics.heartbeat.beat()

    def received(request: Request, **_: object) -> None:
        metrics.received(request.name)

    def in_child(**_: object) -> None:
        exposition.forget()

    heartbeat_sent.connect(alive, weak=False)
    task_received.connect(received, weak=False)
    worker_process_init.connect(in_child, weak=False)


def watch_beat(metrics: BeatMetrics) -> None:
    """Count what this process publishes."""

    def published(sender: str, **_: object) -> None:
        metrics.published(sender)

    after_task_publish.connect(published, weak=False)


def _seconds(request: Request) -> float | None:
    return None if request.time_start is None else time() - request.time_start
