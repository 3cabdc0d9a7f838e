"""Jobs: what a client asked for and polls. The rows are the truth; the broker only carries ids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import uuid_utils
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import Connection, Engine, Select, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from mlplatform.contracts import Contract
from trainer.db.tables import jobs
from trainer.errors import DatabaseUnavailable, JobFinished, JobNotFound, TrainingInProgress

MAX_ATTEMPTS = 3
LEASE = timedelta(seconds=15)
WAITING = "waiting for the worker"


class State(StrEnum):
    """A job is active while queued, running or evaluating; the others are final.

    `rejected` and `held` are successful trainings: the gate refused the version, or it waits for somebody's approval.
    """

    QUEUED = "queued"
    RUNNING = "running"
    EVALUATING = "evaluating"
    PROMOTED = "promoted"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_active(self) -> bool:
        return self is State.QUEUED or self.is_at_work

    @property
    def is_at_work(self) -> bool:
        return self in {State.RUNNING, State.EVALUATING}


_IS_ACTIVE = jobs.c.state.in_([state.value for state in State if state.is_active])


class Job(BaseModel):
    """One training, from the request to its end. Times are UTC."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    model: str
    reason: str
    state: State
    stage: str
    percent: int
    attempts: int
    version: str | None = None
    run_id: str | None = None
    metrics: dict[str, float] | None = None
    decision: dict[str, Any] | None = None
    error: str | None = None
    is_unwanted: bool = Field(default=False, description="Cancelled as soon as the stage it is in is over.")
    created_at: AwareDatetime
    seen_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @field_validator("created_at", "seen_at", "started_at", "finished_at", mode="before")
    @classmethod
    def _as_utc(cls, value: datetime | None) -> datetime | None:
        """SQLite forgets the zone of what was written as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class JobStore:
    """The jobs of a database. Every call raises `DatabaseUnavailable` when that does not answer.

    Whoever works on a job gives a sign of life more often than every `LEASE`; a job without one may be taken over.
    The number of its attempts is the fencing token: what an attempt writes after another has begun has no effect.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, contract: Contract, reason: str, key: str | None = None) -> Job:
        """A queued job.

        Raises:
            TrainingInProgress: the model has an active job, maybe of the same key; the message names it.
        """
        job = {
            "id": str(uuid_utils.uuid7()),
            "model": contract.model,
            "reason": reason,
            "state": State.QUEUED,
            "stage": WAITING,
            "percent": 0,
            "attempts": 0,
            "idempotency_key": key,
            "created_at": _now(),
            "seen_at": _now(),
        }
        try:
            with self._transaction() as connection:
                connection.execute(insert(jobs).values(job))
        except IntegrityError:
            active = self.active(contract)
            if active is None:  # it ended between the two statements
                return self.create(contract, reason, key)
            raise TrainingInProgress(f"{contract.model} is being trained by job {active.id}", active.id) from None
        return Job.model_validate(job)

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            JobNotFound: no job has that id.
        """
        found = self._select(select(jobs).where(jobs.c.id == job_id))
        if not found:
            raise JobNotFound(f"no job {job_id}")
        return found[0]

    def active(self, contract: Contract) -> Job | None:
        """The model's job that is not at its end yet, if there is one."""
        found = self._select(select(jobs).where(jobs.c.model == contract.model, _IS_ACTIVE))
        return found[0] if found else None

    def of_key(self, key: str) -> Job | None:
        """The job that a request with this idempotency key made, if one did."""
        found = self._select(select(jobs).where(jobs.c.idempotency_key == key))
        return found[0] if found else None

    def newest(
        self, limit: int, model: str | None = None, state: State | None = None, before: str | None = None
    ) -> list[Job]:
        """The latest jobs, newest first: of one model or all, in one state or any, older than one or all.

        Ids are ordered by time.
        """
        query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(jobs.c.model == model)
        if state is not None:
            query = query.where(jobs.c.state == state)
        if before is not None:
            query = query.where(jobs.c.id < before)
        return self._select(query)

    def abandoned(self) -> list[Job]:
        """Active jobs without a sign of life for longer than the lease: their message or their worker was lost."""
        return self._select(select(jobs).where(_IS_ACTIVE, jobs.c.seen_at < _now() - LEASE).order_by(jobs.c.id))

    def trouble(self) -> str | None:
        """Why the jobs cannot be read, if so."""
        try:
            self.newest(1)
        except DatabaseUnavailable as error:
            return str(error)
        return None

    def start(self, job_id: str) -> Job | None:
        """Take a job for an attempt.

        None when it is at its end, when another attempt is alive, or when it ends here after too many attempts.
        """
        job = self.get(job_id)
        if not job.state.is_active or (job.state.is_at_work and job.seen_at >= _now() - LEASE):
            return None
        if job.attempts >= MAX_ATTEMPTS:
            self.fail(job, f"given up after {job.attempts} attempts that did not come to an end")
            return None
        now = _now()
        taken = self._change(
            job,
            state=State.RUNNING,
            attempts=job.attempts + 1,
            started_at=now,
            seen_at=now,
            stage="starting",
            percent=0,
        )
        return self.get(job_id) if taken else None

    def sign_of_life(self, job: Job) -> bool:
        """Extend the lease; false when it is lost."""
        return self._change(job, seen_at=_now())

    def requeue(self, job: Job) -> bool:
        """Let a job wait for a worker again; false when somebody else was quicker."""
        return self._change(job, state=State.QUEUED, stage=WAITING, seen_at=_now())

    def progress(self, job: Job, stage: str, percent: int, state: State = State.RUNNING) -> None:
        """Say how far it is."""
        self._change(job, state=state, stage=stage, percent=percent, seen_at=_now())

    def trained(
        self, job: Job, *, version: str, run_id: str, metrics: Mapping[str, float], decision: Mapping[str, Any]
    ) -> None:
        """A version came of it, which does not serve yet, and the gate has decided."""
        self._change(
            job, version=version, run_id=run_id, metrics=dict(metrics), decision=dict(decision), seen_at=_now()
        )

    def promoted(self, job: Job, *, version: str) -> None:
        """The end: the version serves."""
        self._finish(job, State.PROMOTED, version=version, percent=100)

    def held(self, job: Job) -> None:
        """The end: the version waits for somebody's approval."""
        self._finish(job, State.HELD, percent=100)

    def rejected(self, job: Job) -> None:
        """The end: the gate refused the version."""
        self._finish(job, State.REJECTED, percent=100)

    def fail(self, job: Job, error: str) -> None:
        """The end: no version came of it."""
        self._finish(job, State.FAILED, error=error)

    def refuse(self, job: Job, error: str) -> None:
        """The end of a job that was never handed over; its key is free for another try."""
        self._finish(job, State.FAILED, error=error, idempotency_key=None)

    def cancel(self, job_id: str) -> Job:
        """Let a job end: at once while it is queued, otherwise after the stage it is in.

        Raises:
            JobNotFound: no job has that id.
            JobFinished: it is at its end.
        """
        job = self.get(job_id)
        if job.state is State.QUEUED:
            self._finish(job, State.CANCELLED)
        elif job.state.is_active:
            self._change(job, is_unwanted=True)
        else:
            raise JobFinished(f"job {job_id} has ended as {job.state}")
        return self.get(job_id)

    def is_unwanted(self, job: Job) -> bool:
        """Whether somebody has asked for its end."""
        return self.get(job.id).is_unwanted

    def cancelled(self, job: Job) -> None:
        """The end that somebody asked for."""
        self._finish(job, State.CANCELLED)

    def _finish(self, job: Job, state: State, **values: Any) -> None:  # noqa: ANN401 # columns
        self._change(job, state=state, stage="finished", finished_at=_now(), **values)

    def _change(self, job: Job, **values: Any) -> bool:  # noqa: ANN401 # columns
        mine = (jobs.c.id == job.id, jobs.c.attempts == job.attempts, _IS_ACTIVE)
        with self._transaction() as connection:
            return connection.execute(update(jobs).where(*mine).values(values)).rowcount == 1

    def _select(self, query: Select[Any]) -> list[Job]:
        with self._transaction() as connection:
            return [Job.model_validate(row) for row in connection.execute(query)]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the database does not answer: {type(error).__name__}") from error


def _now() -> datetime:
    return datetime.now(UTC)
