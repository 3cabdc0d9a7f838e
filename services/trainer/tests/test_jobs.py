from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Executable, delete, update
from sqlalchemy.exc import IntegrityError

from mlplatform.contracts import HOUSING, IRIS, Contract
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import job_attempts, job_events
from trainer.db.tables import jobs as table
from trainer.errors import AttemptLost, DatabaseUnavailable, JobNotFound, TrainingCancelled, TrainingInProgress
from trainer.jobs import LEASE, MAX_ATTEMPTS, Job, JobStore, State


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return JobStore(engine)


def test_a_new_job_waits(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")
    assert jobs.get(job.id) == job
    assert (job.state, job.percent, job.reason) == (State.QUEUED, 0, "new data")


def test_a_model_has_one_active_job_and_the_second_request_is_told_which(jobs: JobStore) -> None:
    first = jobs.create(HOUSING, "")
    with pytest.raises(TrainingInProgress, match=first.id):
        jobs.create(HOUSING, "")


def test_models_do_not_wait_for_each_other(jobs: JobStore) -> None:
    jobs.create(HOUSING, "")
    assert jobs.create(IRIS, "").state is State.QUEUED


def test_after_the_end_of_a_job_the_model_can_be_trained_again(jobs: JobStore) -> None:
    jobs.fail(started(jobs), "no disk")
    assert jobs.create(HOUSING, "").state is State.QUEUED


def test_an_unknown_job_is_not_found(jobs: JobStore) -> None:
    with pytest.raises(JobNotFound):
        jobs.get("nobody")


def started(jobs: JobStore, contract: Contract = HOUSING) -> Job:
    job = jobs.start(jobs.create(contract, "").id, "training@one")
    assert job is not None
    return job


def silence(jobs: JobStore, job: Job) -> None:
    """As if nothing had been heard of the job for longer than its lease."""
    with jobs._engine.begin() as connection:
        long_ago = datetime.now(UTC) - 2 * LEASE
        connection.execute(update(table).where(table.c.id == job.id).values(seen_at=long_ago))


def test_a_promoted_job_tells_what_came_of_it(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.progress(job, "cross-validation", 40)
    assert (jobs.get(job.id).stage, jobs.get(job.id).percent) == ("cross-validation", 40)
    jobs.trained(job, version="3", run_id="abc", metrics={"holdout_rmse": 0.45}, decision={"verdict": "promote"})
    jobs.end(job, State.PROMOTED)
    done = jobs.get(job.id)
    assert (done.state, done.version, done.run_id, done.percent) == (State.PROMOTED, "3", "abc", 100)
    assert done.metrics == {"holdout_rmse": 0.45}
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at


def test_the_highest_version_is_the_greatest_number_of_a_models_versions(jobs: JobStore) -> None:
    assert jobs.highest_version(IRIS) == 0
    for version in ("9", "10", "3"):
        job = started(jobs, IRIS)
        jobs.trained(job, version=version, run_id="run", metrics={}, decision={})
        jobs.end(job, State.REJECTED)
    assert jobs.highest_version(IRIS) == 10
    assert jobs.highest_version(HOUSING) == 0


def test_a_final_state_is_final(jobs: JobStore) -> None:
    job = started(jobs)
    assert jobs.fail(job, "first")
    assert not jobs.fail(job, "second")
    assert not jobs.cancelled(job)
    with pytest.raises(AttemptLost):
        jobs.progress(job, "late", 99)
    with pytest.raises(AttemptLost):
        jobs.end(job, State.PROMOTED)
    assert (jobs.get(job.id).state, jobs.get(job.id).error) == (State.FAILED, "first")
    assert jobs.start(job.id, "training@two") is None


def test_a_job_at_work_is_not_taken_by_a_second_delivery(jobs: JobStore) -> None:
    assert jobs.start(started(jobs).id, "training@two") is None


def test_a_job_whose_worker_fell_silent_is_abandoned_and_can_be_taken_over(jobs: JobStore) -> None:
    job = started(jobs)
    assert jobs.abandoned() == []
    silence(jobs, job)
    assert [one.id for one in jobs.abandoned()] == [job.id]
    second = jobs.start(job.id, "training@two")
    assert second is not None
    assert second.attempts == 2


def test_what_an_attempt_writes_after_it_was_taken_over_has_no_effect(jobs: JobStore) -> None:
    first = started(jobs)
    silence(jobs, first)
    second = jobs.start(first.id, "training@two")
    assert second is not None
    _has_no_say(jobs, first)
    assert jobs.get(first.id).state is State.RUNNING
    assert jobs.sign_of_life(second)


def test_what_an_attempt_writes_after_its_job_was_published_again_has_no_effect(jobs: JobStore) -> None:
    first = started(jobs)
    silence(jobs, first)
    assert jobs.requeue(jobs.get(first.id))
    _has_no_say(jobs, first)
    assert jobs.get(first.id).state is State.QUEUED
    assert jobs.start(first.id, "training@two")


def _has_no_say(jobs: JobStore, job: Job) -> None:
    assert not jobs.sign_of_life(job)
    assert not jobs.fail(job, "late")
    assert not jobs.cancelled(job)
    assert not jobs.hand_back(job)
    with pytest.raises(AttemptLost, match="attempt 1"):
        jobs.progress(job, "late", 99)
    with pytest.raises(AttemptLost):
        jobs.trained(job, version="1", run_id="late", metrics={}, decision={})
    with pytest.raises(AttemptLost):
        jobs.end(job, State.PROMOTED)


def test_a_job_that_gave_a_sign_of_life_meanwhile_is_neither_queued_again_nor_taken(jobs: JobStore) -> None:
    job = started(jobs)
    silence(jobs, job)
    (silent,) = jobs.abandoned()
    assert jobs.sign_of_life(job)
    assert not jobs.requeue(silent)

    class Earlier(JobStore):
        """Has read the job before that."""

        def get(self, job_id: str) -> Job:
            assert job_id == silent.id
            return silent

    assert Earlier(jobs._engine).start(job.id, "training@two") is None
    jobs.progress(job, "split", 2)


def test_what_a_lost_attempt_has_made_is_not_told_of_the_next_one(jobs: JobStore) -> None:
    first = started(jobs)
    jobs.trained(first, version="1", run_id="abc", metrics={"rmse": 1}, decision={"verdict": "promote"})
    silence(jobs, first)
    second = jobs.start(first.id, "training@two")
    assert second is not None
    assert (second.version, second.run_id, second.metrics, second.decision) == (None, None, None, None)
    jobs.trained(second, version="2", run_id="def", metrics={"rmse": 1}, decision={"verdict": "promote"})
    assert jobs.get(first.id).version == "2"


def test_a_job_that_nobody_wants_is_not_begun_again(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.cancel(job.id)
    silence(jobs, job)
    assert jobs.start(job.id, "training@two") is None
    assert jobs.get(job.id).state is State.CANCELLED


def test_a_job_that_nobody_wants_does_not_wait_for_a_worker_again(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.cancel(job.id)
    silence(jobs, job)
    (lost,) = jobs.abandoned()
    assert not jobs.requeue(lost)
    assert jobs.get(job.id).state is State.CANCELLED
    assert jobs.attempts(job.id)[-1].ended_at is not None


def test_a_job_that_nobody_wants_tells_its_version_and_is_not_promoted(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.cancel(job.id)
    jobs.trained(job, version="1", run_id="abc", metrics={}, decision={"verdict": "promote"})
    with pytest.raises(TrainingCancelled):
        jobs.progress(job, "late", 99)
    with pytest.raises(TrainingCancelled):
        jobs.end(job, State.PROMOTED)
    assert jobs.cancelled(job)
    assert (jobs.get(job.id).state, jobs.get(job.id).version) == (State.CANCELLED, "1")


def test_a_job_whose_message_was_lost_is_abandoned_until_it_is_queued_again(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    silence(jobs, job)
    (lost,) = jobs.abandoned()
    assert lost.id == job.id
    assert jobs.requeue(lost)
    assert jobs.abandoned() == []


def test_a_job_that_never_comes_to_an_end_is_given_up(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        taken = jobs.start(job.id, "training@two")
        assert taken is not None
        assert taken.attempts == attempt
        silence(jobs, taken)
    assert jobs.start(job.id, "training@two") is None
    assert jobs.get(job.id).state is State.FAILED
    assert "given up" in str(jobs.get(job.id).error)


def test_an_attempt_that_was_handed_back_can_be_taken_at_once_and_does_not_count(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    for _ in range(2 * MAX_ATTEMPTS):
        taken = jobs.start(job.id, "training@one")
        assert taken is not None
        assert jobs.hand_back(taken)
    assert jobs.start(job.id, "training@two") is not None


def test_every_attempt_is_kept_with_its_worker_and_its_outcome(jobs: JobStore) -> None:
    first = started(jobs)
    silence(jobs, first)
    second = jobs.start(first.id, "training@two")
    assert second is not None
    jobs.fail(first, "late")
    jobs.end(second, State.PROMOTED)
    told = [(attempt.number, attempt.worker, attempt.outcome) for attempt in jobs.attempts(first.id)]
    assert told == [(1, "training@one", "abandoned"), (2, "training@two", "promoted")]
    assert all(attempt.ended_at for attempt in jobs.attempts(first.id))


def test_every_step_is_kept_in_order_and_signs_of_life_are_not(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.progress(job, "split", 2)
    jobs.sign_of_life(job)
    jobs.fail(job, "no disk")
    events = jobs.events(job.id)
    assert [(event.state, event.stage, event.percent) for event in events] == [
        (State.QUEUED, "waiting for the worker", 0),
        (State.RUNNING, "starting", 0),
        (State.RUNNING, "split", 2),
        (State.FAILED, "finished", 2),
    ]
    assert jobs.events(job.id, after=events[1].sequence) == events[2:]


def test_a_database_that_does_not_answer_is_told_apart_from_a_bug(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        JobStore(connect(f"sqlite:///{tmp_path}/empty.db")).newest(1)


def test_the_newest_jobs_come_first(jobs: JobStore) -> None:
    ids = [jobs.create(contract, "").id for contract in (HOUSING, IRIS)]
    assert [job.id for job in jobs.newest(10)] == ids[::-1]
    assert [job.id for job in jobs.newest(1)] == ids[1:]
    assert [job.id for job in jobs.newest(10, "housing")] == ids[:1]


def test_a_database_without_tables_is_trouble(tmp_path: Path) -> None:
    assert "does not answer" in str(JobStore(connect(f"sqlite:///{tmp_path}/empty.db")).trouble())


def test_a_migrated_database_is_no_trouble_and_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    migrate(engine)
    assert JobStore(engine).trouble() is None


@pytest.mark.parametrize("change", [update(job_events).values(percent=1), delete(job_events), delete(job_attempts)])
def test_the_database_refuses_to_rewrite_what_has_happened(jobs: JobStore, change: Executable) -> None:
    started(jobs)
    with pytest.raises(IntegrityError, match="not rewritten"), jobs._engine.begin() as connection:
        connection.execute(change)


def test_the_database_refuses_to_end_an_attempt_twice(jobs: JobStore) -> None:
    job = started(jobs)
    jobs.fail(job, "no disk")
    before = jobs.attempts(job.id)
    with pytest.raises(IntegrityError, match="not rewritten"), jobs._engine.begin() as connection:
        connection.execute(update(job_attempts).values(outcome="promoted"))
    assert jobs.attempts(job.id) == before


def test_a_job_that_begins_while_it_is_called_off_is_called_off(jobs: JobStore) -> None:
    class Late(JobStore):
        """Reads the job just before a worker takes it."""

        def get(self, job_id: str) -> Job:
            job = super().get(job_id)
            if job.state is State.QUEUED:
                assert jobs.start(job_id, "training@one")
            return job

    job = jobs.create(HOUSING, "new data")
    assert Late(jobs._engine).cancel(job.id).is_unwanted


def test_one_key_for_two_models_at_the_same_moment_names_the_job_that_has_it(jobs: JobStore) -> None:
    first = jobs.create(HOUSING, "new data", key="key")
    with pytest.raises(TrainingInProgress, match=first.id):
        jobs.create(IRIS, "new data", key="key")
