"""Attempts and events, written in the transaction of whatever changes the job."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, literal, select, update

from trainer.db.tables import job_attempts, job_events, jobs

ABANDONED = "abandoned"
HANDED_BACK = "handed back"


def begin_attempt(connection: Connection, job_id: str, number: int, worker: str, at: datetime) -> None:
    """A worker takes the job."""
    connection.execute(insert(job_attempts).values(job=job_id, number=number, worker=worker, started_at=at))


def end_attempt(connection: Connection, job_id: str, outcome: str, at: datetime) -> None:
    """The attempt that is under way, if one is, is over."""
    is_open = (job_attempts.c.job == job_id, job_attempts.c.ended_at.is_(None))
    connection.execute(update(job_attempts).where(*is_open).values(ended_at=at, outcome=outcome))


def abandoned_attempts(connection: Connection, job_id: str) -> int:
    """How many attempts were lost with their worker."""
    query = select(func.count()).where(job_attempts.c.job == job_id, job_attempts.c.outcome == ABANDONED)
    return int(connection.execute(query).scalar_one())


def note_event(connection: Connection, job_id: str, at: datetime) -> None:
    """Keep how the job is now."""
    now = select(jobs.c.id, literal(at), jobs.c.attempts, jobs.c.state, jobs.c.stage, jobs.c.percent)
    columns = ["job", "at", "attempt", "state", "stage", "percent"]
    connection.execute(insert(job_events).from_select(columns, now.where(jobs.c.id == job_id)))
