"""The end of a job and what it changes of who serves are one transaction."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine

from mlplatform.contracts import IRIS
from trainer.errors import AttemptLost, ChampionChanged, ChampionItself, TrainingCancelled
from trainer.jobs import Job, JobStore, State
from trainer.promotions.history import Action, Entry
from trainer.promotions.ledger import Ledger
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels

Say = Callable[[Job], Entry]


@pytest.fixture
def jobs(engine: Engine) -> JobStore:
    return JobStore(engine)


@pytest.fixture
def job(jobs: JobStore) -> Job:
    return start(jobs, jobs.create(IRIS, "new data").id)


@pytest.fixture(params=["promote", "hold"])
def say(request: pytest.FixtureRequest, ledger: Ledger, traffic: TrafficControl, jobs: JobStore) -> Say:
    """What a job does with version 2 in the end, version 1 being champion."""
    ledger.promote(IRIS, "1", reason="the first", actor="ann")

    def promote(job: Job) -> Entry:
        end = jobs.ending(job, State.PROMOTED)
        return ledger.promote(IRIS, "2", reason="better", actor="job:7", expected_champion="1", together=end)

    def hold(job: Job) -> Entry:
        return traffic.challenge(IRIS, "2", reason="better", actor="job:7", together=jobs.ending(job, State.HELD))

    return promote if request.param == "promote" else hold


def start(jobs: JobStore, job_id: str) -> Job:
    job = jobs.start(job_id, "training@one")
    assert job is not None
    return job


def test_a_job_ends_with_its_entry(say: Say, job: Job, jobs: JobStore, ledger: Ledger) -> None:
    entry = say(job)
    assert ledger.entries(IRIS)[-1] == entry
    state = State.PROMOTED if entry.action is Action.PROMOTE else State.HELD
    done = jobs.get(job.id)
    assert (done.state, done.percent, jobs.attempts(job.id)[-1].outcome) == (state, 100, state)


def test_a_job_that_nobody_wants_any_more_changes_nothing(say: Say, job: Job, jobs: JobStore, ledger: Ledger) -> None:
    jobs.cancel(job.id)
    with pytest.raises(TrainingCancelled):
        say(job)
    assert [entry.after for entry in ledger.entries(IRIS)] == ["1"]


def test_an_attempt_that_was_taken_for_lost_changes_nothing(say: Say, job: Job, jobs: JobStore, ledger: Ledger) -> None:
    assert jobs.requeue(job)
    with pytest.raises(AttemptLost):
        say(job)
    start(jobs, job.id)
    with pytest.raises(AttemptLost):
        say(job)
    assert [entry.after for entry in ledger.entries(IRIS)] == ["1"]


def test_a_job_ends_once_however_many_attempts_say_so(say: Say, job: Job, jobs: JobStore, ledger: Ledger) -> None:
    entry = say(job)
    with pytest.raises(AttemptLost):
        say(job)
    assert ledger.entries(IRIS)[-1] == entry
    assert jobs.start(job.id, "training@two") is None


def test_a_job_whose_entry_is_refused_is_not_at_its_end(say: Say, job: Job, jobs: JobStore, ledger: Ledger) -> None:
    ledger.promote(IRIS, "3", reason="by hand", actor="ann")
    ledger.promote(IRIS, "2", reason="by hand", actor="ann")
    ledger.promote(IRIS, "3", reason="by hand", actor="ann")
    try:
        entry = say(job)
    except ChampionChanged:
        assert jobs.get(job.id).state is State.RUNNING
    else:
        assert (entry.action, jobs.get(job.id).state) == (Action.CHALLENGE, State.HELD)


def test_a_version_that_somebody_promoted_meanwhile_ends_its_job_as_promoted(
    ledger: Ledger, job: Job, jobs: JobStore
) -> None:
    first = ledger.promote(IRIS, "2", reason="by hand", actor="ann")
    end = jobs.ending(job, State.PROMOTED)
    assert ledger.promote(IRIS, "2", reason="better", actor="job:7", expected_champion="1", together=end) == first
    assert jobs.get(job.id).state is State.PROMOTED


def test_neither_is_kept_when_the_transaction_fails_at_its_end(ledger: Ledger, job: Job, jobs: JobStore) -> None:
    def end_and_fall(connection: Connection) -> None:
        jobs.ending(job, State.PROMOTED)(connection)
        raise SystemExit

    with pytest.raises(SystemExit):
        ledger.promote(IRIS, "1", reason="better", actor="job:7", together=end_and_fall)
    assert ledger.entries(IRIS) == []
    assert jobs.get(job.id).state is State.RUNNING


def test_the_champion_itself_is_not_held(
    ledger: Ledger, traffic: TrafficControl, models: InMemoryModels, job: Job, jobs: JobStore
) -> None:
    ledger.promote(IRIS, "2", reason="by hand", actor="ann")
    with pytest.raises(ChampionItself):
        traffic.challenge(IRIS, "2", reason="better", actor="job:7", together=jobs.ending(job, State.HELD))
    assert jobs.get(job.id).state is State.RUNNING
    assert models.aliases(IRIS.registered_model) == {"champion": "2"}
