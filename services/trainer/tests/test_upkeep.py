from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from mlplatform.contracts import CONTRACTS, HOUSING, IRIS, Contract
from mlplatform.errors import RegistryUnavailable
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import jobs as table
from trainer.figures import LAST_ROUND, SETTLED, Figures
from trainer.jobs import LEASE, JobStore, State
from trainer.periods import Periods
from trainer.testing import InMemoryQueue
from trainer.upkeep import FIRST_START, keep_up, revive, train_missing


@dataclass
class Serving:
    """Champions by registered model."""

    champions: dict[str, str] = field(default_factory=dict)
    is_up: bool = True
    settled: int = 0
    unsettled: set[str] = field(default_factory=set)
    tended: int = 0
    open_runs: dict[str, list[str]] = field(default_factory=dict)
    registered: set[tuple[str, str]] = field(default_factory=set)

    def champion(self, contract: Contract) -> str | None:
        if not self.is_up:
            raise RegistryUnavailable("MLflow is down")
        return self.champions.get(contract.registered_model)

    def settle_all(self) -> list[str]:
        if not self.is_up:
            raise RegistryUnavailable("MLflow is down")
        self.settled += 1
        return [model for model in CONTRACTS if model not in self.unsettled]

    def tend_ramps(self) -> None:
        self.tended += 1

    def has(self, contract: Contract, version: str) -> bool:
        return (contract.model, version) in self.registered

    def abandon_runs(self, contract: Contract) -> list[str]:
        return self.open_runs.pop(contract.model, [])


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return JobStore(engine)


@pytest.fixture
def periods(jobs: JobStore) -> Periods:
    return Periods(jobs._engine)


def age(jobs: JobStore, column: str, by: timedelta) -> None:
    """Let so much time have passed for every job."""
    with jobs._engine.begin() as connection:
        connection.execute(update(table).values({column: datetime.now(UTC) - by}))


def test_an_empty_registry_makes_a_job_for_every_model(jobs: JobStore) -> None:
    queue = InMemoryQueue()
    created = train_missing(jobs, Serving(), queue)
    assert [job.model for job in created] == ["housing", "iris"]
    assert queue.published == [job.id for job in created]
    assert {job.reason for job in created} == {FIRST_START}


def test_models_with_a_champion_or_an_active_job_are_left_alone(jobs: JobStore) -> None:
    jobs.create(IRIS, "new data")
    serving = Serving({HOUSING.registered_model: "1"})
    assert train_missing(jobs, serving, InMemoryQueue()) == []


def test_a_first_training_that_fails_is_tried_again_ever_less_often(jobs: JobStore) -> None:
    serving, queue = Serving({IRIS.registered_model: "1"}), InMemoryQueue()
    for wait in (10, 20, 40):
        [job] = train_missing(jobs, serving, queue)
        begun = jobs.start(job.id, "training@one")
        assert begun is not None
        jobs.fail(begun, "DataInvalid")
        age(jobs, "finished_at", timedelta(seconds=wait - 1))
        assert train_missing(jobs, serving, queue) == []
        age(jobs, "finished_at", timedelta(seconds=wait))
    assert len(train_missing(jobs, serving, queue)) == 1


def test_nothing_is_trained_while_a_version_waits_for_somebodys_decision(jobs: JobStore) -> None:
    serving = Serving({HOUSING.registered_model: "1"})
    (first,) = train_missing(jobs, serving, InMemoryQueue())
    taken = jobs.start(first.id, "training@one")
    assert taken is not None
    jobs.trained(taken, version="4", run_id="run", metrics={}, decision={})
    jobs.end(taken, State.HELD)
    age(jobs, "finished_at", timedelta(hours=2))
    serving.registered = {("iris", "4")}
    assert train_missing(jobs, serving, InMemoryQueue()) == []
    serving.registered = set()  # lost
    assert len(train_missing(jobs, serving, InMemoryQueue())) == 1


def test_a_job_whose_worker_was_killed_is_published_again_with_its_trace(jobs: JobStore) -> None:
    queue = InMemoryQueue()
    job = jobs.create(HOUSING, "new data", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    jobs.start(job.id, "training@two")
    assert revive(jobs, queue) == []
    age(jobs, "seen_at", 2 * LEASE)
    revive(jobs, queue)
    assert queue.traceparents == {job.id: f"00-{'a' * 32}-{'b' * 16}-01"}
    assert jobs.get(job.id).state is State.QUEUED


def test_a_job_that_waits_behind_a_long_training_is_left_alone(jobs: JobStore) -> None:
    queue = InMemoryQueue()
    job = jobs.create(HOUSING, "new data")
    queue.publish(job.id)
    age(jobs, "seen_at", 2 * LEASE)
    assert revive(jobs, queue) == []
    assert queue.published == [job.id]
    assert len(jobs.events(job.id)) == 1


def test_a_job_whose_message_was_lost_is_published_again_though_others_wait(jobs: JobStore) -> None:
    queue = InMemoryQueue()
    lost, waiting = jobs.create(HOUSING, "new data"), jobs.create(IRIS, "new data")
    queue.publish(waiting.id)
    age(jobs, "seen_at", 2 * LEASE)
    assert [job.id for job in revive(jobs, queue)] == [lost.id]
    assert queue.messages == [waiting.id, lost.id]


def test_a_job_that_a_worker_took_and_lost_is_published_again_though_a_message_of_it_waits(jobs: JobStore) -> None:
    queue = InMemoryQueue()
    job = jobs.create(HOUSING, "new data")
    jobs.start(job.id, "training@two")
    queue.publish(job.id)
    age(jobs, "seen_at", 2 * LEASE)
    assert [job.id for job in revive(jobs, queue)] == [job.id]


def test_with_the_broker_away_an_abandoned_job_waits_for_a_later_round(jobs: JobStore, periods: Periods) -> None:
    queue = InMemoryQueue(is_up=False)
    job = jobs.create(HOUSING, "new data")
    age(jobs, "seen_at", 2 * LEASE)
    keep_up(1, jobs, Serving({IRIS.registered_model: "1"}), queue, periods)
    queue.is_up = True
    age(jobs, "seen_at", 2 * LEASE)
    keep_up(2, jobs, Serving({IRIS.registered_model: "1"}), queue, periods)
    assert queue.published == [job.id]


def test_with_the_registry_away_nothing_is_trained_and_nothing_fails(jobs: JobStore, periods: Periods) -> None:
    keep_up(1, jobs, Serving(is_up=False), InMemoryQueue(), periods)
    assert jobs.newest(1) == []


def test_a_second_request_for_the_same_period_changes_nothing(jobs: JobStore, periods: Periods) -> None:
    serving = Serving({HOUSING.registered_model: "1", IRIS.registered_model: "1"})
    for _ in range(2):  # as two beats would
        keep_up(1, jobs, serving, InMemoryQueue(), periods)
    assert (serving.settled, serving.tended) == (1, 1)


def test_every_round_settles_the_aliases(jobs: JobStore, periods: Periods) -> None:
    serving = Serving({HOUSING.registered_model: "1", IRIS.registered_model: "1"})
    keep_up(1, jobs, serving, InMemoryQueue(), periods)
    assert serving.settled == 1


def test_runs_are_ended_once_nobody_trains_the_model(jobs: JobStore, periods: Periods) -> None:
    serving = Serving({HOUSING.registered_model: "1", IRIS.registered_model: "1"})
    serving.open_runs = {"housing": ["a", "b"], "iris": ["c"]}
    job = jobs.create(IRIS, "new data")
    keep_up(1, jobs, serving, InMemoryQueue(), periods)
    assert serving.open_runs == {"iris": ["c"]}
    jobs.cancel(job.id)
    keep_up(2, jobs, serving, InMemoryQueue(), periods)
    assert serving.open_runs == {}


SERVED = {HOUSING.registered_model: "1", IRIS.registered_model: "1"}


def test_a_round_that_was_done_to_its_end_is_told(jobs: JobStore, periods: Periods) -> None:
    keep_up(1, jobs, Serving(SERVED), InMemoryQueue(), periods)
    told = Figures(jobs._engine).read()
    now = datetime.now(UTC).timestamp()
    assert told[LAST_ROUND][()] == pytest.approx(now, abs=60)
    assert told[SETTLED] == {("housing",): pytest.approx(now, abs=60), ("iris",): pytest.approx(now, abs=60)}


@pytest.mark.parametrize("away", ["the registry", "the broker"])
def test_a_round_that_is_put_off_is_no_round(jobs: JobStore, periods: Periods, away: str) -> None:
    serving = Serving(SERVED, is_up=away != "the registry")
    jobs.create(HOUSING, "new data")
    age(jobs, "seen_at", 2 * LEASE)
    keep_up(1, jobs, serving, InMemoryQueue(is_up=away != "the broker"), periods)
    told = Figures(jobs._engine).read()
    assert told[LAST_ROUND][()] == 0
    assert set(told[SETTLED].values()) == {0}


def test_a_model_of_which_the_registry_says_something_else_is_told_apart(jobs: JobStore, periods: Periods) -> None:
    keep_up(1, jobs, Serving(SERVED, unsettled={"iris"}), InMemoryQueue(), periods)
    told = Figures(jobs._engine).read()
    assert told[SETTLED]["iris",] == 0
    assert told[SETTLED]["housing",] > 0
    assert told[LAST_ROUND][()] > 0
