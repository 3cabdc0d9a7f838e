"""Jobs: what a client asked for and polls. The rows are the truth; the broker only carries ids."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import uuid_utils
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from mlplatform.contracts import Contract
from trainer.db.tables import jobs
from trainer.errors import JobNotFound, TrainingInProgress

MAX_ATTEMPTS = 3


class State(StrEnum):
    """A job is active while queued or running; the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PROMOTED = "promoted"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        return self in {State.QUEUED, State.RUNNING}


_ACTIVE = [state.value for state in State if state.is_active]


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
    error: str | None = None
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @field_validator("created_at", "started_at", "finished_at", mode="before")
    @classmethod
    def _as_utc(cls, value: datetime | None) -> datetime | None:
        """SQLite forgets the zone of what was written as UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class JobStore:
    """The jobs of a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, contract: Contract, reason: str) -> Job:
        """A queued job.

        Raises:
            TrainingInProgress: the model has an active job; the message names it.
        """
        job = {
            "id": str(uuid_utils.uuid7()),
            "model": contract.model,
            "reason": reason,
            "state": State.QUEUED,
            "stage": "waiting for the worker",
            "percent": 0,
            "attempts": 0,
            "created_at": _now(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(jobs).values(job))
        except IntegrityError:
            active = self.active(contract)
            if active is None:  # it ended between the two statements
                return self.create(contract, reason)
            raise TrainingInProgress(f"{contract.model} is being trained by job {active.id}", active.id) from None
        return Job.model_validate(job)

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            JobNotFound: no job has that id.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
        if row is None:
            raise JobNotFound(f"no job {job_id}")
        return Job.model_validate(row)

    def active(self, contract: Contract) -> Job | None:
        """The model's job that is not at its end yet, if there is one."""
        query = select(jobs).where(jobs.c.model == contract.model, jobs.c.state.in_(_ACTIVE))
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Job.model_validate(row) if row else None

    def newest(self, limit: int) -> list[Job]:
        """The latest jobs, newest first. Ids are ordered by time."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(jobs).order_by(jobs.c.id.desc()).limit(limit)).all()
        return [Job.model_validate(row) for row in rows]

    def counts(self) -> dict[tuple[str, ...], int]:
        """The number of jobs by model and state."""
        query = select(jobs.c.model, jobs.c.state, func.count()).group_by(jobs.c.model, jobs.c.state)
        with self._engine.connect() as connection:
            return {(model, state): count for model, state, count in connection.execute(query)}

    def trouble(self) -> str | None:
        """Why the jobs cannot be read, if so."""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(jobs.c.id).limit(1))
        except SQLAlchemyError as error:
            return f"the database does not answer: {type(error).__name__}"
        return None

    def start(self, job_id: str) -> Job | None:
        """Take a job for an attempt; none when it is at its end, or ends here after too many attempts."""
        job = self.get(job_id)
        if not job.state.is_active:
            return None
        if job.attempts >= MAX_ATTEMPTS:
            self.fail(job_id, f"given up after {job.attempts} attempts that did not come to an end")
            return None
        self._change(job_id, state=State.RUNNING, attempts=job.attempts + 1, started_at=_now(), stage="starting")
        return self.get(job_id)

    def progress(self, job_id: str, stage: str, percent: int) -> None:
        """Say how far it is."""
        self._change(job_id, stage=stage, percent=percent)

    def promoted(self, job_id: str, *, version: str, run_id: str, metrics: Mapping[str, float]) -> None:
        """The end: the version serves."""
        self._finish(job_id, State.PROMOTED, version=version, run_id=run_id, metrics=dict(metrics), percent=100)

    def fail(self, job_id: str, error: str) -> None:
        """The end: no version came of it."""
        self._finish(job_id, State.FAILED, error=error)

    def _finish(self, job_id: str, state: State, **values: Any) -> None:  # noqa: ANN401 # columns
        self._change(job_id, state=state, stage="finished", finished_at=_now(), **values)

    def _change(self, job_id: str, **values: Any) -> None:  # noqa: ANN401 # columns
        active = jobs.c.state.in_(_ACTIVE)
        with self._engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id, active).values(values))


def _now() -> datetime:
    return datetime.now(UTC)
