from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import periods as table
from trainer.errors import DatabaseUnavailable
from trainer.periods import Periods


@pytest.fixture
def periods(tmp_path: Path) -> Periods:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return Periods(engine)


def test_of_all_who_ask_for_a_period_one_is_the_first(periods: Periods) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: periods.take("a", 1), range(8)))
    assert sorted(taken) == [False] * 7 + [True]


def test_two_who_publish_by_clocks_that_are_apart_make_each_period_once(periods: Periods) -> None:
    ahead, behind = range(103, 113), range(100, 110)
    taken = [number for pair in zip(ahead, behind, strict=True) for number in pair if periods.take("a", number)]
    assert sorted(taken) == list(range(100, 113))


def test_every_task_has_periods_of_its_own(periods: Periods) -> None:
    assert periods.take("a", 1)
    assert periods.take("b", 1)


def test_periods_of_long_ago_are_forgotten(periods: Periods) -> None:
    periods.take("a", 1)
    with periods._engine.begin() as connection:
        connection.execute(update(table).values(taken_at=datetime.now(UTC) - timedelta(days=2)))
    periods.take("a", 2)
    with periods._engine.connect() as connection:
        assert connection.execute(select(table.c.number)).scalars().all() == [2]


def test_without_a_database_no_period_is_taken(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        Periods(connect(f"sqlite:///{tmp_path}/empty.db")).take("a", 1)


def test_of_what_is_noted_only_the_last_time_is_kept(periods: Periods) -> None:
    assert periods.take("a", 1)
    for number in (1, 2, 2):
        periods.note("b", number)
    with periods._engine.connect() as connection:
        kept = [(row.task, row.number) for row in connection.execute(select(table)).all()]
    assert sorted(kept) == [("a", 1), ("b", 2)]
