from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import periods as table
from trainer.errors import DatabaseUnavailable
from trainer.periods import Periods

BEGINNING = datetime(2026, 11, 25, 12, tzinfo=UTC)
LENGTH = timedelta(seconds=10)


@dataclass
class Clock:
    now: datetime = BEGINNING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def periods(tmp_path: Path, clock: Clock) -> Periods:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return Periods(engine, clock)


def test_of_all_who_ask_in_a_period_one_is_the_first(periods: Periods) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: periods.take("a", LENGTH), range(8)))
    assert sorted(taken) == [False] * 7 + [True]


def test_a_period_is_taken_until_the_next_begins(periods: Periods, clock: Clock) -> None:
    assert periods.take("a", LENGTH)
    clock.now += timedelta(seconds=9)
    assert not periods.take("a", LENGTH)
    clock.now += timedelta(seconds=1)
    assert periods.take("a", LENGTH)


def test_every_task_has_periods_of_its_own(periods: Periods) -> None:
    assert periods.take("a", LENGTH)
    assert periods.take("b", LENGTH)


def test_periods_of_long_ago_are_forgotten(periods: Periods, clock: Clock) -> None:
    for _ in range(5):
        periods.take("a", LENGTH)
        clock.now += timedelta(days=1)
    with periods._engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 2


def test_without_a_database_no_period_is_taken(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        Periods(connect(f"sqlite:///{tmp_path}/empty.db")).take("a", LENGTH)
