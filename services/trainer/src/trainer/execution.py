"""What a worker does with a job, apart from how the job reaches it."""

from contextlib import suppress
from typing import Protocol

import structlog

from mlplatform.errors import PlatformError
from trainer.candidates import Progress
from trainer.errors import AttemptLost, DatabaseUnavailable, TrainingCancelled
from trainer.gate.decision import Verdict
from trainer.jobs import Job, JobStore, State
from trainer.lease import kept_alive
from trainer.options import Options
from trainer.pipeline import EVALUATE, TrainedVersion

_log = structlog.get_logger(__name__)


class Training(Protocol):
    """Makes versions and lets them serve."""

    def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
        """Train, verify and register a version."""
        ...

    def promote(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        """Let it serve and the job be at its end, or neither."""
        ...

    def hold(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        """Let it wait for somebody's approval, as the challenger, and the job be at its end, or neither."""
        ...


def run_job(job_id: str, jobs: JobStore, training: Training, worker: str) -> None:
    """Bring a job to its end; a second delivery of one that is at work or at its end does nothing."""
    job = jobs.start(job_id, worker)
    if job is None:
        _log.info("nothing to do for this delivery", job=job_id)
        return
    with structlog.contextvars.bound_contextvars(job=job.id, model=job.model), kept_alive(job, jobs):
        _log.info("training begins", reason=job.reason, attempt=job.attempts)
        try:
            _train(job, jobs, training)
        except AttemptLost as error:
            _log.warning("the attempt ends: another has the job, or will", reason=str(error))
        except TrainingCancelled:
            _log.info("training cancelled")
            jobs.cancelled(job)
        except DatabaseUnavailable as error:
            # Whether its last word was kept is not known: then the job is at its end, and no other attempt begins.
            _log.warning("the attempt cannot be told; its lease runs out", error=str(error))
        except PlatformError as error:
            _log.warning("training failed", error=str(error))
            jobs.fail(job, f"{type(error).__name__}: {error}")
        except Exception as error:
            _log.exception("training failed")
            jobs.fail(job, f"{type(error).__name__}: {error}")
            raise
        except BaseException:  # how Celery ends a child that has to stop
            _log.warning("the worker has to stop; the job waits for another")
            with suppress(DatabaseUnavailable):  # its lease runs out, then
                jobs.hand_back(job)
            raise


def _train(job: Job, jobs: JobStore, training: Training) -> None:
    state = State.RUNNING

    def progress(stage: str, percent: int) -> None:
        nonlocal state
        if stage == EVALUATE:  # and all that comes after it
            state = State.EVALUATING
        _log.info("training", stage=stage, percent=percent)
        with suppress(DatabaseUnavailable):  # the work goes on; the next stage will be told
            jobs.progress(job, stage, percent, state)

    trained = training.train(job.model, reason=job.reason, options=job.options, progress=progress)
    jobs.trained(
        job,
        version=trained.version,
        run_id=trained.run_id,
        metrics=trained.metrics,
        decision=trained.decision.as_json(),
    )
    _end(job, jobs, training, trained)


def _end(job: Job, jobs: JobStore, training: Training, trained: TrainedVersion) -> None:
    decision = trained.decision
    facts = {"version": trained.version, "candidate": trained.candidate, **trained.metrics}
    match decision.verdict:
        case Verdict.PROMOTE:
            training.promote(trained, job, jobs)
            _log.info("version promoted", **facts)
        case Verdict.HOLD:
            training.hold(trained, job, jobs)
            _log.info("version waits for approval", **facts)
        case Verdict.REJECT:
            jobs.end(job, State.REJECTED)
            _log.warning("version rejected", reason=decision.summary, **facts)
