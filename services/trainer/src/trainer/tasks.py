"""What travels through the broker: the Celery app, the names of its tasks, and the queue as the API sees it."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import time
from typing import Protocol

from celery import Celery
from celery.beat import BeatLazyFunc
from celery.signals import after_task_publish, heartbeat_sent, worker_process_init
from celery.utils.dispatch import Signal
from kombu.exceptions import OperationalError

from trainer.errors import BrokerUnavailable
from trainer.settings import SOFT_SHUTDOWN_SECONDS, TrainerSettings, WorkerQueue

TRAIN = "trainer.train"
KEEP_UP = "trainer.keep_up"
TASKS: Mapping[WorkerQueue, tuple[str, ...]] = {"training": (TRAIN,), "upkeep": (KEEP_UP,)}
"""Who does what. Each queue has workers of its own, so that nothing short waits behind a training."""
_TRAININGS: WorkerQueue = "training"
TRACEPARENT = "traceparent"
"""The header of a message that names the trace of whoever asked."""
KEEP_UP_SECONDS = 10.0
KEEP_UP_EXPIRES_SECONDS = 60.0
"""So far the clocks of beat and worker may be apart, and so much is done late when nobody was there to do it."""
KEEP_UP_LIMITS = {"soft_time_limit": 60.0, "time_limit": 90.0}

_CHILD_SECONDS = 120.0  # a child is ready once it has imported what it needs, which takes long on a busy machine


class Queue(Protocol):
    """Where the API hands jobs over."""

    def publish(self, job_id: str, traceparent: str | None = None) -> None:
        """Hand a job to the worker, with the trace of whoever asked for it.

        Raises:
            BrokerUnavailable: it could not be handed over; nothing was.
        """
        ...

    def waiting(self) -> set[str]:
        """The jobs that no worker has taken from the queue yet.

        Raises:
            BrokerUnavailable: it does not say.
        """
        ...


class CeleryQueue:
    """The broker, with seconds of patience."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, job_id: str, traceparent: str | None = None) -> None:
        try:
            self._app.send_task(TRAIN, args=[job_id], task_id=job_id, headers={TRACEPARENT: traceparent})
        except OperationalError as error:
            raise BrokerUnavailable("the broker is away; nothing was handed over") from error

    def waiting(self) -> set[str]:
        with self._app.connection_for_read() as connection:
            try:  # a channel's own client: Celery has no call that looks at a queue and takes nothing from it
                messages = connection.channel().client.lrange(_TRAININGS, 0, -1)
            except connection.recoverable_connection_errors as error:
                raise BrokerUnavailable("the broker is away; nobody knows what waits") from error
        return {job for message in messages if (job := _id_in(message))}


def _id_in(message: bytes) -> str | None:
    """The job that a message names; none of what is not one of ours."""
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, LookupError, TypeError):
        return None


def create_celery(settings: TrainerSettings) -> Celery:
    """The one configuration that the API, the worker and beat share: the shortest visibility timeout among
    the users of a broker wins, so all must say the same.
    """
    app = Celery("trainer", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_routes={task: {"queue": queue} for queue, tasks in TASKS.items() for task in tasks},
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_soft_time_limit=settings.soft_limit_seconds,
        task_time_limit=settings.hard_limit_seconds,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_proc_alive_timeout=_CHILD_SECONDS,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_acquire_timeout=5.0,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout_seconds,
            "socket_timeout": 5.0,
            "socket_connect_timeout": 2.0,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        beat_schedule_filename=str(settings.beat_schedule),
        beat_schedule={
            "keep up": {
                "task": KEEP_UP,
                "schedule": KEEP_UP_SECONDS,
                "args": [BeatLazyFunc(period_of_now)],  # by beat's clock, whatever the worker's says
                "options": {"expires": KEEP_UP_EXPIRES_SECONDS},
            }
        },
    )
    return app


def period_of_now() -> int:
    """The number of the period for which beat asks for upkeep."""
    return int(time() // KEEP_UP_SECONDS)


def prepare_children(module: str) -> None:
    """Import a module in each child of this worker as it starts, so that its first task need not wait for that."""

    def prepare(**_: object) -> None:
        import_module(module)

    worker_process_init.connect(prepare, weak=False)


def show_worker_life(file: Path) -> None:
    """Touch a file for as long as this process takes jobs: its loop turns and its broker is there."""
    _touch_on(heartbeat_sent, file)


def show_beat_life(file: Path) -> None:
    """Touch a file each time this process has published a task, which beat does every few seconds."""
    _touch_on(after_task_publish, file)


def _touch_on(signal: Signal, file: Path) -> None:
    def touch(**_: object) -> None:
        file.touch()

    signal.connect(touch, weak=False)
