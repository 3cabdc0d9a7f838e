"""The composition root of the worker: one process that trains, one job at a time.

Started with `REMAP_SIGTERM=SIGQUIT` it hands an unfinished job back to the broker on SIGTERM
(Celery's soft shutdown) instead of running it to its end.
"""

from contextlib import closing

from celery import Task

from mlplatform.settings import load_settings
from mlplatform.telemetry.logging import configure_logging
from trainer.settings import TrainerSettings
from trainer.tasks import KEEP_UP, TRAIN, CeleryQueue, create_celery, show_worker_life


def main() -> None:
    """Work until told to stop."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer-worker", settings.log_format, settings.log_level)
    if settings.heartbeat_file:
        show_worker_life(settings.heartbeat_file)
    app = create_celery(settings)

    # Each task opens what it needs in the child that runs it: connections do not survive a fork, and the
    # parent stays small without scikit-learn and MLflow.

    @app.task(name=TRAIN, bind=True)  # type: ignore[untyped-decorator] # Celery ships no types
    def train(task: Task, job_id: str) -> None:
        from trainer import execution  # noqa: PLC0415
        from trainer.composition import RegisteredTraining, open_jobs  # noqa: PLC0415

        with closing(RegisteredTraining(settings)) as training:
            execution.run_job(job_id, open_jobs(settings), training, worker=task.request.hostname)

    @app.task(name=KEEP_UP)  # type: ignore[untyped-decorator] # Celery ships no types
    def keep_up() -> None:
        from trainer import upkeep  # noqa: PLC0415
        from trainer.composition import RegisteredTraining, open_jobs  # noqa: PLC0415

        with closing(RegisteredTraining(settings)) as training:
            upkeep.keep_up(open_jobs(settings), training, CeleryQueue(app))

    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--loglevel", settings.log_level])


if __name__ == "__main__":
    main()
