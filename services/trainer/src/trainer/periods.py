"""Once a period: what is published on time is done once, however often it is published; and when it last was."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from trainer.db.tables import periods
from trainer.errors import DatabaseUnavailable

_KEPT = timedelta(days=1)


class Periods:
    """The periods that somebody has taken, in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, task: str, number: int) -> bool:
        """Whether the caller is the first to do the task for a period.

        Raises:
            DatabaseUnavailable: it does not answer; nobody has taken the period.
        """
        now = datetime.now(UTC)
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(periods).values(task=task, number=number, taken_at=now))
                connection.execute(delete(periods).where(periods.c.task == task, periods.c.taken_at < now - _KEPT))
        except IntegrityError:
            return False
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the database does not answer: {type(error).__name__}") from error
        return True

    def note(self, task: str, number: int) -> None:
        """Remember that something was done in a period; only the last time is kept.

        Raises:
            DatabaseUnavailable: it does not answer; what was remembered stays.
        """
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(periods).where(periods.c.task == task))
                connection.execute(insert(periods).values(task=task, number=number, taken_at=datetime.now(UTC)))
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the database does not answer: {type(error).__name__}") from error
