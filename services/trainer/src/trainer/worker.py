"""The composition root of a worker: it does the tasks of one queue, one at a time.

Started with `REMAP_SIGTERM=SIGQUIT` it hands an unfinished job back to the broker on SIGTERM
(Celery's soft shutdown) instead of running it to its end.
"""

from collections.abc import Mapping
from contextlib import closing

from celery import Task

from mlplatform.settings import load_settings
from mlplatform.telemetry.exposition import Exposition
from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.processes import UPKEEP, WORKER, WorkerMetrics
from trainer.settings import TrainerSettings, WorkerQueue
from trainer.tasks import (
    KEEP_UP,
    KEEP_UP_LIMITS,
    TASKS,
    TRAIN,
    CeleryQueue,
    create_celery,
    prepare_children,
    show_worker_life,
)
from trainer.tracing import traced_task
from trainer.watching import watch_worker

PROCESSES: Mapping[WorkerQueue, str] = {"training": WORKER, "upkeep": UPKEEP}
"""The name of the process that works for a queue."""


def main() -> None:
    """Work until told to stop."""
    settings = load_settings(TrainerSettings)
    process = PROCESSES[settings.queue]
    configure_logging(process, settings.log_format, settings.log_level)
    if settings.heartbeat_file:
        show_worker_life(settings.heartbeat_file)
    app = create_celery(settings)
    collectors = process_registry()
    metrics = WorkerMetrics(collectors, process, TASKS[settings.queue])
    watch_worker(app, metrics, Exposition(collectors, settings.host, settings.port))

    # Each task opens what it needs in the child that runs it: connections do not survive a fork, and the
    # parent stays small without scikit-learn and MLflow.
    prepare_children("trainer.composition")

    @app.task(name=TRAIN, bind=True)  # type: ignore[untyped-decorator] # Celery ships no types
    def train(task: Task, job_id: str) -> None:
        from trainer import execution  # noqa: PLC0415
        from trainer.composition import RegisteredTraining, opened_database  # noqa: PLC0415
        from trainer.jobs import JobStore  # noqa: PLC0415

        with (
            traced_task(settings, task, job_id) as tracing,
            opened_database(settings) as database,
            closing(RegisteredTraining(settings, database, tracing)) as training,
        ):
            execution.run_job(job_id, JobStore(database), training, worker=task.request.hostname)

    @app.task(name=KEEP_UP, **KEEP_UP_LIMITS)  # type: ignore[untyped-decorator] # Celery ships no types
    def keep_up(period: int) -> None:
        from trainer import upkeep  # noqa: PLC0415
        from trainer.composition import RegisteredTraining, opened_database  # noqa: PLC0415
        from trainer.jobs import JobStore  # noqa: PLC0415
        from trainer.periods import Periods  # noqa: PLC0415

        with opened_database(settings) as database, closing(RegisteredTraining(settings, database)) as training:
            upkeep.keep_up(period, JobStore(database), training, CeleryQueue(app), Periods(database))

    name = ("--hostname", f"{settings.queue}@%h", "--queues", settings.queue)
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", settings.log_level)
    app.worker_main(["--quiet", "worker", *name, *quiet])


if __name__ == "__main__":
    main()
