"""The trainer's database as it is in production, where locks are of rows and text has its limits."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

import docker
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from mlplatform.contracts import IRIS
from tests.helpers.waiting import wait_until
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.errors import ChampionChanged, DatabaseUnavailable
from trainer.jobs import JobStore, State
from trainer.promotions.ledger import Ledger
from trainer.testing import InMemoryModels

pytestmark = pytest.mark.containers

_IMAGE = "postgres:17"
_PASSWORD = "only-for-this-test"


@pytest.fixture(scope="module")
def database(engine: docker.DockerClient) -> Iterator[Engine]:
    """A database of its own with the tables of now."""
    container = engine.containers.run(
        _IMAGE,
        detach=True,
        remove=True,
        environment={"POSTGRES_PASSWORD": _PASSWORD, "POSTGRES_INITDB_ARGS": "--encoding=UTF8"},
        ports={"5432/tcp": ("127.0.0.1", 0)},
    )
    try:
        container.reload()
        [published] = container.ports["5432/tcp"] or []
        database = connect(f"postgresql+psycopg://postgres:{_PASSWORD}@127.0.0.1:{published['HostPort']}/postgres")
        wait_until(lambda: _answers(database), within_seconds=60, what="the database answers over TCP")
        migrate(database)
        yield database
        database.dispose()
    finally:
        container.kill()


def _answers(database: Engine) -> bool:
    try:
        with database.connect():
            return True
    except OperationalError:
        return False


@dataclass
class SlowModels(InMemoryModels):
    """A registry that takes its time with the first alias, until it is let go."""

    is_asked: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def set_alias(self, registered_model: str, alias: str, version: str) -> None:
        if not self.is_asked.is_set():
            self.is_asked.set()
            assert self.go_on.wait(30)
        super().set_alias(registered_model, alias, version)


def test_nobody_waits_with_a_new_entry_for_a_registry_that_takes_its_time(database: Engine) -> None:
    models = SlowModels()
    for version in ("1", "2"):
        models.register(IRIS.registered_model, version)
    ledger, elsewhere = Ledger(database, models), Ledger(database, models)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(ledger.promote, IRIS, "1", reason="the first", actor="ann")
        assert models.is_asked.wait(30)
        second = threads.submit(elsewhere.promote, IRIS, "2", reason="better", actor="bob")
        wait_until(lambda: len(ledger.entries(IRIS)) == 2, within_seconds=5, what="the second entry")
        models.go_on.set()
        assert (first.result(30).after, second.result(30).after) == ("1", "2")
    assert models.aliases(IRIS.registered_model) == {"champion": "2", "previous": "1"}


def test_a_job_and_its_promotion_are_kept_together_or_not_at_all(database: Engine) -> None:
    models = InMemoryModels()
    models.register(IRIS.registered_model, "3")
    ledger, jobs = Ledger(database, models), JobStore(database)
    before = ledger.entries(IRIS)
    job = jobs.start(jobs.create(IRIS, "new data").id, "training@one")
    assert job is not None
    end = jobs.ending(job, State.PROMOTED)
    with pytest.raises(ChampionChanged):
        ledger.promote(IRIS, "3", reason="better", actor="a job", expected_champion="9", together=end)
    assert (jobs.get(job.id).state, ledger.entries(IRIS)) == (State.RUNNING, before)
    entry = ledger.promote(IRIS, "3", reason="better", actor="a job", together=end)
    assert (jobs.get(job.id).state, ledger.entries(IRIS)) == (State.PROMOTED, [*before, entry])


def test_a_job_that_is_called_off_at_the_moment_of_its_promotion_is_either_cancelled_or_promoted(
    database: Engine,
) -> None:
    models, jobs = InMemoryModels(), JobStore(database)
    for number in range(100, 120):
        models.register(IRIS.registered_model, str(number))
        job = jobs.start(jobs.create(IRIS, "new data").id, "training@one")
        assert job is not None
        ledger, end = Ledger(database, models), jobs.ending(job, State.PROMOTED)
        with ThreadPoolExecutor() as threads:
            promotion = threads.submit(
                ledger.promote, IRIS, str(number), reason="better", actor=f"job:{job.id}", together=end
            )
            cancellation = threads.submit(jobs.cancel, job.id)
        is_promoted, is_cancelled = promotion.exception() is None, cancellation.exception() is None
        assert is_promoted != is_cancelled
        assert (ledger.champion(IRIS) == str(number)) == is_promoted
        assert jobs.get(job.id).state is (State.PROMOTED if is_promoted else State.RUNNING)
        if is_cancelled:
            assert jobs.cancelled(job)


def test_whoever_waits_for_a_lock_is_told_after_seconds(database: Engine) -> None:
    jobs = JobStore(database)
    job = jobs.start(jobs.create(IRIS, "new data").id, "training@one")
    assert job is not None
    with database.begin() as holder:
        holder.execute(text("SELECT 1 FROM jobs WHERE id = :id FOR UPDATE"), {"id": job.id})
        began = monotonic()
        with pytest.raises(DatabaseUnavailable):
            jobs.sign_of_life(job)
        assert monotonic() - began < 12
    assert jobs.sign_of_life(job)
    assert jobs.fail(job, "as a test does")
