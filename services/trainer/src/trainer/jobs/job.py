"""What a job, an attempt and an event are."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from trainer.options import Effort, Options

MAX_ATTEMPTS = 3
"""So many attempts may end without a word before a job is given up."""

LEASE = timedelta(seconds=15)
WAITING = "waiting for the worker"
FINISHED = "finished"


def _as_utc(value: datetime | None) -> datetime | None:
    """SQLite forgets the zone of what was written as UTC."""
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


UtcTime = Annotated[AwareDatetime, BeforeValidator(_as_utc)]


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


class Job(BaseModel):
    """One training, from the request to its end. Times are UTC."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    model: str
    reason: str
    effort: Effort = Effort.FULL
    feedback: bool = Field(default=False, description="Trains on labelled feedback, too.")
    state: State
    stage: str
    percent: int
    attempts: int
    version: str | None = None
    run_id: str | None = None
    metrics: dict[str, float] | None = None
    decision: dict[str, Any] | None = None
    error: str | None = None
    traceparent: str | None = Field(default=None, description="The trace it belongs to (W3C Trace Context).")
    is_unwanted: bool = Field(default=False, description="Cancelled as soon as the stage it is in is over.")
    created_at: UtcTime
    seen_at: UtcTime
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None

    @property
    def options(self) -> Options:
        return Options(self.effort, self.feedback)


class Attempt(BaseModel):
    """One worker's try at a job.

    `outcome` is the state in which it left the job, `abandoned` when nothing was heard of it any more, or `handed back`
    when its worker was told to stop.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    number: int
    worker: str
    started_at: UtcTime
    ended_at: UtcTime | None = None
    outcome: str | None = None


class JobEvent(BaseModel):
    """A change of a job's state, stage or percent, as it was then."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    sequence: int
    at: UtcTime
    attempt: int
    state: State
    stage: str
    percent: int
