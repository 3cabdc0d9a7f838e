"""The feedback that clients have sent, as a training reads it."""

from collections.abc import Iterator

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from mlplatform.contracts import Contract
from trainer.db.tables import feedback
from trainer.errors import DatabaseUnavailable
from trainer.labelled import FeedbackRow

_ROWS_AT_ONCE = 1_000


class FeedbackStore:
    """The feedback of a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest_first(self, contract: Contract) -> Iterator[FeedbackRow]:
        """All feedback to a model's predictions, in an order that is always the same.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        query = (
            select(feedback.c.prediction_id, feedback.c.features, feedback.c.truth)
            .where(feedback.c.model == contract.model)
            .order_by(feedback.c.observed_at.desc(), feedback.c.prediction_id)
        )
        try:
            with self._engine.connect() as connection:
                for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
                    yield FeedbackRow(row.prediction_id, row.features, row.truth)
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the database does not answer: {type(error).__name__}") from error
