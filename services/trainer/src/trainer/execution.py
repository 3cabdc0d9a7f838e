"""What a worker does with a job, apart from how the job reaches it."""

from contextlib import suppress
from typing import Protocol

import structlog

from mlplatform.contracts import Contract
from mlplatform.errors import PlatformError
from trainer.candidates import Progress
from trainer.errors import DatabaseUnavailable, TrainingCancelled
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

    def promote(self, trained: TrainedVersion, job: Job) -> None:
        """Let it serve; the same job promotes once however often it says so."""
        ...

    def hold(self, trained: TrainedVersion, job: Job) -> None:
        """Let it wait for somebody's approval, as the challenger."""
        ...

    def promoted_by(self, job: Job) -> str | None:
        """The version that an attempt of a job has promoted, if any."""
        ...

    def champion(self, contract: Contract) -> str | None:
        """The version that serves, if any."""
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
            promoted = training.promoted_by(job)
            if promoted:
                _log.info("an attempt before this one promoted its version", version=promoted)
                jobs.promoted(job, version=promoted)
            else:
                _train(job, jobs, training)
        except TrainingCancelled:
            _log.info("training cancelled")
            jobs.cancelled(job)
        except DatabaseUnavailable as error:
            # What it kept is not known, a promotion perhaps: the next attempt finds out.
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
    def progress(stage: str, percent: int) -> None:
        _log.info("training", stage=stage, percent=percent)
        with suppress(DatabaseUnavailable):  # the work goes on; the next stage will be told
            jobs.progress(job, stage, percent, state=State.EVALUATING if stage == EVALUATE else State.RUNNING)
            _stop_if_unwanted(job, jobs)

    trained = training.train(job.model, reason=job.reason, options=job.options, progress=progress)
    if not jobs.sign_of_life(job):
        _log.warning("another attempt has taken over; nothing is promoted", version=trained.version)
        return
    jobs.trained(
        job,
        version=trained.version,
        run_id=trained.run_id,
        metrics=trained.metrics,
        decision=trained.decision.as_json(),
    )
    _stop_if_unwanted(job, jobs)
    _end(job, jobs, training, trained)


def _stop_if_unwanted(job: Job, jobs: JobStore) -> None:
    if jobs.is_unwanted(job):
        raise TrainingCancelled(f"job {job.id} is not wanted any more")


def _end(job: Job, jobs: JobStore, training: Training, trained: TrainedVersion) -> None:
    decision = trained.decision
    facts = {"version": trained.version, "candidate": trained.candidate, **trained.metrics}
    match decision.verdict:
        case Verdict.PROMOTE:
            training.promote(trained, job)
            jobs.promoted(job, version=trained.version)
            _log.info("version promoted", **facts)
        case Verdict.HOLD:
            training.hold(trained, job)
            jobs.held(job)
            _log.info("version waits for approval", **facts)
        case Verdict.REJECT:
            jobs.rejected(job)
            _log.warning("version rejected", reason=decision.summary, **facts)
