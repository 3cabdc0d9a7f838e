"""What a worker does with a job, apart from how the job reaches it."""

from typing import Protocol

import structlog

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.errors import PlatformError
from trainer.errors import TrainingInProgress
from trainer.jobs import Job, JobStore
from trainer.pipeline import Progress, TrainedVersion
from trainer.submission import submit
from trainer.tasks import Queue

FIRST_START = "first start: the registry has no champion"

_log = structlog.get_logger(__name__)


class Training(Protocol):
    """Makes versions and lets them serve."""

    def train(self, model: str, *, reason: str, progress: Progress) -> TrainedVersion:
        """Train, verify and register a version."""
        ...

    def promote(self, trained: TrainedVersion) -> None:
        """Let it serve."""
        ...

    def champion(self, contract: Contract) -> str | None:
        """The version that serves, if any."""
        ...


def run_job(job_id: str, jobs: JobStore, training: Training) -> None:
    """Bring a job to its end; a second delivery of an ended job does nothing."""
    job = jobs.start(job_id)
    if job is None:
        _log.info("job is at its end already", job=job_id)
        return
    with structlog.contextvars.bound_contextvars(job=job.id, model=job.model):
        _log.info("training begins", reason=job.reason, attempt=job.attempts)
        try:
            _train(job, jobs, training)
        except PlatformError as error:
            _log.warning("training failed", error=str(error))
            jobs.fail(job.id, f"{type(error).__name__}: {error}")
        except Exception as error:
            _log.exception("training failed")
            jobs.fail(job.id, f"{type(error).__name__}: {error}")
            raise


def _train(job: Job, jobs: JobStore, training: Training) -> None:
    def progress(stage: str, percent: int) -> None:
        _log.info("training", stage=stage, percent=percent)
        jobs.progress(job.id, stage, percent)

    trained = training.train(job.model, reason=job.reason, progress=progress)
    training.promote(trained)
    jobs.promoted(job.id, version=trained.version, run_id=trained.run_id, metrics=trained.metrics)
    _log.info("version promoted", version=trained.version, candidate=trained.candidate, **trained.metrics)


def train_missing(jobs: JobStore, training: Training, queue: Queue) -> list[Job]:
    """Ask for a training of every model that has no champion and no active job, as a client would."""
    created = []
    for contract in CONTRACTS.values():
        if training.champion(contract) or jobs.active(contract):
            continue
        try:
            job = submit(contract, FIRST_START, jobs, queue)
        except TrainingInProgress:
            continue
        _log.info("no champion yet: training begins by itself", model=contract.model, job=job.id)
        created.append(job)
    return created
