"""The jobs of a database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uuid_utils
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    and_,
    cast,
    false,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from mlplatform.contracts import Contract
from trainer.db.tables import job_attempts, job_events, jobs
from trainer.errors import (
    AttemptLost,
    DatabaseUnavailable,
    JobFinished,
    JobNotFound,
    TrainingCancelled,
    TrainingInProgress,
)
from trainer.jobs.job import FINISHED, LEASE, MAX_ATTEMPTS, WAITING, Attempt, Job, JobEvent, State
from trainer.jobs.record import ABANDONED, HANDED_BACK, abandoned_attempts, begin_attempt, end_attempt, note_event
from trainer.options import DEFAULT, Options

_IS_ACTIVE = jobs.c.state.in_([state.value for state in State if state.is_active])
_IS_AT_WORK = jobs.c.state.in_([state.value for state in State if state.is_at_work])
_WATCHED = {"state", "stage", "percent"}
_NOTHING_CAME_OF_IT = {"version": None, "run_id": None, "metrics": null(), "decision": null()}

Ending = Callable[[Connection], None]
"""Writes the end of a job in a transaction of the same database, or raises, and then that must not be committed."""


class JobStore:
    """The jobs of a database. Every call raises `DatabaseUnavailable` when that does not answer.

    Whoever works on a job gives a sign of life more often than every `LEASE`; a job without one may be taken over.
    The number of its attempts is the fencing token: what an attempt writes has no effect once the job waits again or
    another attempt has begun, and whatever else it would write in that transaction has none, either.
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

    def highest_version(self, contract: Contract) -> int:
        """The greatest number of a version that came of a job; 0 before the first."""
        numbers = select(func.max(cast(jobs.c.version, Integer))).where(jobs.c.model == contract.model)
        with self._transaction() as connection:
            return connection.execute(numbers).scalar() or 0

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

    def news(self, after: Mapping[str, int]) -> dict[str, tuple[Job, list[JobEvent]]]:
        """Of each job, by its id, the job and what has happened since an event, oldest first.

        The jobs are read before their events, so that those of one at its end are all of them; and once more where its
        end is among them, so that the job tells how it ended.
        """
        those = select(jobs).where(jobs.c.id.in_(after))
        found = {job.id: (job, list[JobEvent]()) for job in self._select(those)}
        since = [and_(job_events.c.job == job_id, job_events.c.sequence > seen) for job_id, seen in after.items()]
        fresh = select(job_events).where(or_(false(), *since)).order_by(job_events.c.sequence)
        with self._transaction() as connection:
            for row in connection.execute(fresh):
                found[row.job][1].append(JobEvent.model_validate(row))
        ended = {job_id for job_id, (_, events) in found.items() if events and not events[-1].state.is_active}
        later = {job.id: job for job in self._select(those.where(jobs.c.id.in_(ended)))} if ended else {}
        return {job_id: (later.get(job_id, job), events) for job_id, (job, events) in found.items()}

    def start(self, job_id: str, worker: str) -> Job | None:
        """Take a job for an attempt.

        None when it is at its end, when another attempt is alive, or when it ends here: it is not wanted any more, or
        too many attempts were lost.
        """
        job = self.get(job_id)
        if not job.state.is_active or (job.state.is_at_work and job.seen_at >= _now() - LEASE):
            return None
        now, number = _now(), job.attempts + 1
        with self._transaction() as connection:
            if not _change(connection, job, _is_as_read(job), seen_at=now):  # somebody else was quicker
                return None
            end_attempt(connection, job.id, ABANDONED, now)
            lost = abandoned_attempts(connection, job.id)
            if job.is_unwanted:
                _end(connection, job, _IS_ACTIVE, State.CANCELLED)
                return None
            if lost >= MAX_ATTEMPTS:
                error = (
                    f"given up after {lost} attempts that ended without a word: killed, or cut off from the database"
                )
                _end(connection, job, _IS_ACTIVE, State.FAILED, error=error, **_NOTHING_CAME_OF_IT)
                return None
            beginning = {"state": State.RUNNING, "stage": "starting", "percent": 0, **_NOTHING_CAME_OF_IT}
            _change(connection, job, _IS_ACTIVE, attempts=number, started_at=now, **beginning)
            begin_attempt(connection, job.id, number, worker, now)
        return self.get(job_id)

    def sign_of_life(self, job: Job) -> bool:
        """Extend the lease; false when it is lost."""
        with self._transaction() as connection:
            return _change(connection, job, _IS_AT_WORK, seen_at=_now())

    def requeue(self, job: Job) -> bool:
        """Let an abandoned job wait for a worker again; one that is not wanted any more is cancelled.

        False when it does not wait: that, or somebody else was quicker, or it lives after all.
        """
        return self._wait_again(job, _is_as_read(job), ABANDONED)

    def hand_back(self, job: Job) -> bool:
        """The same for an attempt whose worker has to stop; that attempt counts as none."""
        return self._wait_again(job, _IS_AT_WORK, HANDED_BACK)

    def _wait_again(self, job: Job, condition: ColumnElement[bool], outcome: str) -> bool:
        with self._transaction() as connection:
            if _end(connection, job, and_(condition, jobs.c.is_unwanted), State.CANCELLED):
                return False
            waiting = {"state": State.QUEUED, "stage": WAITING, "percent": 0, "seen_at": _now()}
            waits = _change(connection, job, condition, **waiting)
            if waits:
                end_attempt(connection, job.id, outcome, _now())
            return waits

    def progress(self, job: Job, stage: str, percent: int, state: State = State.RUNNING) -> None:
        """Say how far it is.

        Raises:
            AttemptLost: the job is another attempt's now, or waits for one.
            TrainingCancelled: somebody wants no more of it.
        """
        with self._transaction() as connection:
            _work(connection, job, state=state, stage=stage, percent=percent, seen_at=_now())

    def trained(
        self, job: Job, *, version: str, run_id: str, metrics: Mapping[str, float], decision: Mapping[str, Any]
    ) -> None:
        """A version came of it, wanted or not, which does not serve yet, and the gate has decided.

        Raises:
            AttemptLost: the job is another attempt's now, or waits for one.
        """
        made = {"version": version, "run_id": run_id, "metrics": dict(metrics), "decision": dict(decision)}
        with self._transaction() as connection:
            if not _change(connection, job, _IS_AT_WORK, **made, seen_at=_now()):
                raise _lost(job)

    def ending(self, job: Job, state: State) -> Ending:
        """The end of a job that has a version, for the transaction that lets this serve or wait: both or neither.

        It raises as `progress` does.
        """

        def end(connection: Connection) -> None:
            _work(connection, job, state=state, stage=FINISHED, percent=100, finished_at=_now())
            end_attempt(connection, job.id, state, _now())

        return end

    def end(self, job: Job, state: State) -> None:
        """The same where nothing else is to be written."""
        with self._transaction() as connection:
            self.ending(job, state)(connection)

    def fail(self, job: Job, error: str) -> bool:
        """The end of an attempt that could not do it; false when it is not at work on the job any more."""
        return self._finish(job, _IS_AT_WORK, State.FAILED, error=error)

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
            if job.state is State.QUEUED:
                is_done = self._finish(job, jobs.c.state == State.QUEUED, State.CANCELLED)
            else:
                with self._transaction() as connection:
                    is_done = _change(connection, job, _IS_AT_WORK, is_unwanted=True)
            if is_done:
                return self.get(job_id)

    def cancelled(self, job: Job) -> bool:
        """The end that somebody asked for; false when the attempt is not at work on the job any more."""
        return self._finish(job, _IS_AT_WORK, State.CANCELLED)

    def _finish(self, job: Job, condition: ColumnElement[bool], state: State, **values: Any) -> bool:  # noqa: ANN401 # columns
        with self._transaction() as connection:
            return _end(connection, job, condition, state, **values)

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


def _is_as_read(job: Job) -> ColumnElement[bool]:
    """Whether nobody has taken it, or said a word of it, since it was read."""
    return and_(jobs.c.state == job.state, jobs.c.seen_at == job.seen_at)


def _work(connection: Connection, job: Job, **values: Any) -> None:  # noqa: ANN401 # columns
    """Write what an attempt has done, if it is still its job, and still wanted."""
    if _change(connection, job, and_(_IS_AT_WORK, ~jobs.c.is_unwanted), **values):
        return
    is_mine = connection.execute(select(jobs.c.id).where(*_of(job), _IS_AT_WORK)).first() is not None
    if is_mine:
        raise TrainingCancelled(f"job {job.id} is not wanted any more")
    raise _lost(job)


def _lost(job: Job) -> AttemptLost:
    return AttemptLost(f"attempt {job.attempts} at job {job.id} was taken for lost")


def _of(job: Job) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The job, as long as no further attempt has begun."""
    return jobs.c.id == job.id, jobs.c.attempts == job.attempts


def _change(connection: Connection, job: Job, condition: ColumnElement[bool], **values: Any) -> bool:  # noqa: ANN401 # columns
    changed = connection.execute(update(jobs).where(*_of(job), condition).values(values)).rowcount == 1
    if changed and not _WATCHED.isdisjoint(values):
        note_event(connection, job.id, _now())
    return changed


def _end(connection: Connection, job: Job, condition: ColumnElement[bool], state: State, **values: Any) -> bool:  # noqa: ANN401 # columns
    ends = _change(connection, job, condition, state=state, stage=FINISHED, finished_at=_now(), **values)
    if ends:
        end_attempt(connection, job.id, state, _now())
    return ends


def _now() -> datetime:
    return datetime.now(UTC)
