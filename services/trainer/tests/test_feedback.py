"""Feedback as a training reads it, from a real database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from mlplatform.contracts import HOUSING, IRIS, Contract
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import feedback
from trainer.errors import DatabaseUnavailable
from trainer.feedback import FeedbackStore
from trainer.labelled import FeedbackRow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return engine


def arrives(engine: Engine, contract: Contract, name: str, minutes: int, truth: object) -> None:
    row = {
        "prediction_id": name,
        "model": contract.model,
        "version": "1",
        "features": dict(contract.example),
        "truth": truth,
        "observed_at": NOON + timedelta(minutes=minutes),
        "received_at": NOON,
    }
    with engine.begin() as connection:
        connection.execute(insert(feedback).values(row))


def test_a_models_feedback_comes_newest_first_with_its_truth_as_it_was_sent(engine: Engine) -> None:
    arrives(engine, IRIS, "b", 1, "setosa")
    arrives(engine, HOUSING, "c", 2, 3.5)
    arrives(engine, IRIS, "d", 3, "virginica")
    arrives(engine, IRIS, "a", 1, None)
    found = list(FeedbackStore(engine).newest_first(IRIS))
    assert [(row.prediction_id, row.truth) for row in found] == [("d", "virginica"), ("a", None), ("b", "setosa")]
    assert list(FeedbackStore(engine).newest_first(HOUSING)) == [FeedbackRow("c", dict(HOUSING.example), 3.5)]


def test_more_than_is_read_at_once_is_read_whole(engine: Engine) -> None:
    rows = [
        {
            "prediction_id": f"{number:05}",
            "model": "iris",
            "version": "1",
            "features": {},
            "truth": "setosa",
            "observed_at": NOON,
            "received_at": NOON,
        }
        for number in range(2_500)
    ]
    with engine.begin() as connection:
        connection.execute(insert(feedback), rows)
    found = [row.prediction_id for row in FeedbackStore(engine).newest_first(IRIS)]
    assert found == [f"{number:05}" for number in range(2_500)]


def test_a_database_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    store = FeedbackStore(connect(f"sqlite:///{tmp_path}/nowhere/trainer.db"))
    with pytest.raises(DatabaseUnavailable):
        list(store.newest_first(IRIS))
