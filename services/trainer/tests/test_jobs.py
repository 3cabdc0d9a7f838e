from pathlib import Path

import pytest

from mlplatform.contracts import HOUSING, IRIS
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.errors import JobNotFound, TrainingInProgress
from trainer.jobs import MAX_ATTEMPTS, JobStore, State


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
    jobs.fail(jobs.create(HOUSING, "").id, "no disk")
    assert jobs.create(HOUSING, "").state is State.QUEUED


def test_an_unknown_job_is_not_found(jobs: JobStore) -> None:
    with pytest.raises(JobNotFound):
        jobs.get("nobody")


def test_a_promoted_job_tells_what_came_of_it(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    jobs.start(job.id)
    jobs.progress(job.id, "cross-validation", 40)
    assert (jobs.get(job.id).stage, jobs.get(job.id).percent) == ("cross-validation", 40)
    jobs.promoted(job.id, version="3", run_id="abc", metrics={"holdout_rmse": 0.45})
    done = jobs.get(job.id)
    assert (done.state, done.version, done.run_id, done.percent) == (State.PROMOTED, "3", "abc", 100)
    assert done.metrics == {"holdout_rmse": 0.45}
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at


def test_a_final_state_is_final(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    jobs.fail(job.id, "first")
    jobs.fail(job.id, "second")
    jobs.progress(job.id, "late", 99)
    jobs.promoted(job.id, version="1", run_id="", metrics={})
    assert (jobs.get(job.id).state, jobs.get(job.id).error) == (State.FAILED, "first")
    assert jobs.start(job.id) is None


def test_a_job_delivered_again_and_again_is_given_up(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        started = jobs.start(job.id)
        assert started is not None
        assert started.attempts == attempt
    assert jobs.start(job.id) is None
    assert jobs.get(job.id).state is State.FAILED
    assert "given up" in str(jobs.get(job.id).error)


def test_the_newest_jobs_come_first(jobs: JobStore) -> None:
    ids = [jobs.create(contract, "").id for contract in (HOUSING, IRIS)]
    assert [job.id for job in jobs.newest(10)] == ids[::-1]
    assert [job.id for job in jobs.newest(1)] == ids[1:]


def test_jobs_are_counted_by_model_and_state(jobs: JobStore) -> None:
    jobs.fail(jobs.create(HOUSING, "").id, "")
    jobs.create(HOUSING, "")
    assert jobs.counts() == {("housing", "failed"): 1, ("housing", "queued"): 1}


def test_a_database_without_tables_is_trouble(tmp_path: Path) -> None:
    assert "does not answer" in str(JobStore(connect(f"sqlite:///{tmp_path}/empty.db")).trouble())


def test_a_migrated_database_is_no_trouble_and_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    migrate(engine)
    assert JobStore(engine).trouble() is None
