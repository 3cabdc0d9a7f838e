"""What processes without requests count: signs of life, and tasks of the broker."""

from collections.abc import Callable, Sequence
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WORKER = "trainer-worker"
UPKEEP = "trainer-upkeep"
BEAT = "trainer-beat"

# From the upkeep, which takes a second, to a training, which may take half an hour.
_TASK_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Heartbeat:
    """When a process last did what it is there for."""

    def __init__(self, registry: CollectorRegistry, process: str) -> None:
        self._at = Gauge(
            "mlplatform_heartbeat_timestamp_seconds",
            "When the process last showed that it does its work; 0 before it first did.",
            ["process"],
            registry=registry,
        ).labels(process)

    def beat(self) -> None:
        """It is doing so now."""
        self._at.set(time())


class WorkerMetrics:
    """Tasks as the worker's parent process sees them; what a training did is in the jobs' rows."""

    OUTCOMES = ("succeeded", "failed", "handed_back", "expired")

    def __init__(self, registry: CollectorRegistry, process: str, tasks: Sequence[str]) -> None:
        self.heartbeat = Heartbeat(registry, process)
        self._received = Counter(
            "mlplatform_worker_tasks_received", "Tasks taken from the broker.", ["task"], registry=registry
        )
        self._ended = Counter(
            "mlplatform_worker_tasks", "Tasks done with, by how.", ["task", "outcome"], registry=registry
        )
        self._duration = Histogram(
            "mlplatform_worker_task_duration_seconds",
            "Time that a child of the worker took for a task.",
            ["task"],
            buckets=_TASK_SECONDS,
            registry=registry,
        )
        self._succeeded_at = Gauge(
            "mlplatform_worker_task_last_success_timestamp_seconds",
            "When a task last succeeded; 0 before it first did.",
            ["task"],
            registry=registry,
        )
        self._active = Gauge("mlplatform_worker_tasks_active", "Tasks that children work on.", registry=registry)
        for task in tasks:
            self._received.labels(task)
            self._duration.labels(task)
            self._succeeded_at.labels(task)
            for outcome in self.OUTCOMES:
                self._ended.labels(task, outcome)

    def watch_active(self, read: Callable[[], float]) -> None:
        """Where to look up how many tasks are being worked on."""
        self._active.set_function(read)

    def received(self, task: str) -> None:
        """A task was taken from the broker."""
        self._received.labels(task).inc()

    def ended(self, task: str, outcome: str, seconds: float | None) -> None:
        """A task is done with; no seconds if it was not begun."""
        self._ended.labels(task, outcome).inc()
        if seconds is not None:
            self._duration.labels(task).observe(seconds)
        if outcome == "succeeded":
            self._succeeded_at.labels(task).set(time())


class BeatMetrics:
    """What beat has published."""

    def __init__(self, registry: CollectorRegistry, tasks: Sequence[str]) -> None:
        self.heartbeat = Heartbeat(registry, BEAT)
        self._published = Counter(
            "mlplatform_beat_tasks_published", "Tasks handed to the broker on time.", ["task"], registry=registry
        )
        for task in tasks:
            self._published.labels(task)

    def published(self, task: str) -> None:
        """A task was handed to the broker."""
        self.heartbeat.beat()
        self._published.labels(task).inc()
