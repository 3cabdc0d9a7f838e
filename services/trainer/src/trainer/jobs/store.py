"""The jobs of a database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uuid_utils
from sqlalchemy import Connection, Engine, Select, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from mlplatform.contracts import Contract
from trainer.db.tables import job_attempts, job_events, jobs
from trainer.errors import DatabaseUnavailable, JobFinished, JobNotFound, TrainingInProgress
from trainer.jobs.job import LEASE, MAX_ATTEMPTS, WAITING, Attempt, Job, JobEvent, State
from trainer.jobs.record import ABANDONED, HANDED_BACK, abandoned_attempts, begin_attempt, end_attempt, note_event
from trainer.options import DEFAULT, Options

_IS_ACTIVE = jobs.c.state.in_([state.value for state in State if state.is_active])
_WATCHED = {"state", "stage", "percent"}


class JobStore:
    """The jobs of a database. Every call raises `DatabaseUnavailable` when that does not answer.

    Whoever works on a job gives a sign of life more often than every `LEASE`; a job without one may be taken over.
    The number of its attempts is the fencing token: what an attempt writes after another has begun has no effect.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        contract: Contract,
        reason: str,
        key: str | None = None,
        options: Options = DEFAULT,
        traceparent: str | None = None,
    ) -> Job:
        """A queued job.

        Raises:
            TrainingInProgress: the model has an active job, or there is one of the same key; the message names it.
        """
        job = {
            "id": str(uuid_utils.uuid7()),
            "model": contract.model,
            "reason": reason,
            "effort": options.effort,
            "feedback": options.feedback,
            "state": State.QUEUED,
            "stage": WAITING,
            "percent": 0,
            "attempts": 0,
            "idempotency_key": key,
            "traceparent": traceparent,
            "created_at": _now(),
            "seen_at": _now(),
        }
        try:
            with self._transaction() as connection:
                connection.execute(insert(jobs).values(job))
                note_event(connection, str(job["id"]), _now())
        except IntegrityError:
            active = (self.of_key(key) if key else None) or self.active(contract)
            if active is None:  # it ended between the two statements
                return self.create(contract, reason, key, options, traceparent)
            raise TrainingInProgress(f"{active.model} is being trained by job {active.id}", active.id) from None
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

    def attempts(self, job_id: str) -> list[Attempt]:
        """Who has tried, oldest first."""
        mine = select(job_attempts).where(job_attempts.c.job == job_id).order_by(job_attempts.c.number)
        with self._transaction() as connection:
            return [Attempt.model_validate(row) for row in connection.execute(mine)]

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """What has happened since an event, oldest first."""
        mine = select(job_events).where(job_events.c.job == job_id, job_events.c.sequence > after)
        with self._transaction() as connection:
            return [JobEvent.model_validate(row) for row in connection.execute(mine.order_by(job_events.c.sequence))]

    def start(self, job_id: str, worker: str) -> Job | None:
        """Take a job for an attempt.

        None when it is at its end, when another attempt is alive, or when it ends here after too many lost attempts.
        """
        job = self.get(job_id)
        if not job.state.is_active or (job.state.is_at_work and job.seen_at >= _now() - LEASE):
            return None
        now, number = _now(), job.attempts + 1
        with self._transaction() as connection:
            if not _change(connection, job, seen_at=now):  # somebody else was quicker
                return None
            end_attempt(connection, job.id, ABANDONED, now)
            lost = abandoned_attempts(connection, job.id)
            if lost >= MAX_ATTEMPTS:
                error = f"given up after {lost} attempts that were lost with their worker"
                _end(connection, job, State.FAILED, error=error)
                return None
            beginning = {"state": State.RUNNING, "stage": "starting", "percent": 0}
            _change(connection, job, attempts=number, started_at=now, **beginning)
            begin_attempt(connection, job.id, number, worker, now)
        return self.get(job_id)

    def sign_of_life(self, job: Job) -> bool:
        """Extend the lease; false when it is lost."""
        return self._change(job, seen_at=_now())

    def requeue(self, job: Job) -> bool:
        """Let an abandoned job wait for a worker again; false when somebody else was quicker."""
        return self._wait_again(job, ABANDONED)

    def hand_back(self, job: Job) -> bool:
        """The same for an attempt whose worker has to stop; that attempt counts as none."""
        return self._wait_again(job, HANDED_BACK)

    def _wait_again(self, job: Job, outcome: str) -> bool:
        with self._transaction() as connection:
            waits = _change(connection, job, state=State.QUEUED, stage=WAITING, percent=0, seen_at=_now())
            if waits:
                end_attempt(connection, job.id, outcome, _now())
            return waits

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
        while True:  # until what was read is still so when it is written
            job = self.get(job_id)
            if not job.state.is_active:
                raise JobFinished(f"job {job_id} has ended as {job.state}")
            is_queued = job.state is State.QUEUED
            if self._finish(job, State.CANCELLED) if is_queued else self._change(job, is_unwanted=True):
                return self.get(job_id)

    def is_unwanted(self, job: Job) -> bool:
        """Whether somebody has asked for its end."""
        return self.get(job.id).is_unwanted

    def cancelled(self, job: Job) -> None:
        """The end that somebody asked for."""
        self._finish(job, State.CANCELLED)

    def _finish(self, job: Job, state: State, **values: Any) -> bool:  # noqa: ANN401 # columns
        with self._transaction() as connection:
            return _end(connection, job, state, **values)

    def _change(self, job: Job, **values: Any) -> bool:  # noqa: ANN401 # columns
        with self._transaction() as connection:
            return _change(connection, job, **values)

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


def _change(connection: Connection, job: Job, **values: Any) -> bool:  # noqa: ANN401 # columns
    """Write what an attempt says of its job, unless the job is at its end or another attempt has begun."""
    mine = (jobs.c.id == job.id, jobs.c.attempts == job.attempts, _IS_ACTIVE)
    changed = connection.execute(update(jobs).where(*mine).values(values)).rowcount == 1
    if changed and not _WATCHED.isdisjoint(values):
        note_event(connection, job.id, _now())
    return changed


def _end(connection: Connection, job: Job, state: State, **values: Any) -> bool:  # noqa: ANN401 # columns
    ends = _change(connection, job, state=state, stage="finished", finished_at=_now(), **values)
    if ends:
        end_attempt(connection, job.id, state, _now())
    return ends


def _now() -> datetime:
    return datetime.now(UTC)
