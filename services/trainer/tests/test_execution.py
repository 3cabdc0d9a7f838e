from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlplatform.contracts import HOUSING, contract_of
from trainer.candidates import Progress
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.errors import DatabaseUnavailable, ParityCheckFailed
from trainer.execution import run_job
from trainer.gate.decision import Decision, Reason, Verdict
from trainer.jobs import Job, JobStore, State
from trainer.options import Effort, Options
from trainer.pipeline import EVALUATE, TrainedVersion


@dataclass
class InstantTraining:
    """A `Training` that makes version 1, 2, ... at once, or fails with the given error."""

    champions: dict[str, str] = field(default_factory=dict)
    error: BaseException | None = None
    trained: int = 0
    options: Options | None = None
    challengers: dict[str, str] = field(default_factory=dict)
    verdict: Verdict = Verdict.PROMOTE

    def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
        assert reason
        self.options = options
        progress("cross-validation", 50)
        if self.error:
            raise self.error
        self.trained += 1
        return TrainedVersion(
            registered_model=contract_of(model).registered_model,
            version=str(self.trained),
            run_id="run",
            candidate="ridge",
            metrics={"holdout_rmse": 0.5},
            decision=Decision(self.verdict, (Reason("loss", self.verdict is not Verdict.REJECT, "0.5", {}),)),
        )

    def promote(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        jobs.end(job, State.PROMOTED)
        self.champions[trained.registered_model] = trained.version

    def hold(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        jobs.end(job, State.HELD)
        self.challengers[trained.registered_model] = trained.version


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return JobStore(engine)


def test_a_job_ends_with_its_version_promoted(jobs: JobStore) -> None:
    training = InstantTraining()
    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, training, "training@one")
    done = jobs.get(job.id)
    assert (done.state, done.version, done.metrics) == (State.PROMOTED, "1", {"holdout_rmse": 0.5})
    assert training.champions == {HOUSING.registered_model: "1"}


def test_a_worker_that_has_to_stop_hands_its_job_back_for_another_to_take_at_once(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")
    with pytest.raises(SystemExit):
        run_job(job.id, jobs, InstantTraining(error=SystemExit()), "training@one")
    assert jobs.get(job.id).state is State.QUEUED
    run_job(job.id, jobs, InstantTraining(), "training@two")
    assert jobs.get(job.id).state is State.PROMOTED


def test_a_training_is_told_what_the_client_chose(jobs: JobStore) -> None:
    training = InstantTraining()
    chosen = Options(Effort.QUICK, feedback=True)
    run_job(jobs.create(HOUSING, "new data", options=chosen).id, jobs, training, "training@one")
    assert training.options == chosen


def test_a_second_delivery_of_an_ended_job_trains_nothing(jobs: JobStore) -> None:
    training = InstantTraining()
    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, training, "training@one")
    run_job(job.id, jobs, training, "training@one")
    assert training.trained == 1


def test_a_foreseen_failure_ends_the_job_with_its_reason_and_promotes_nothing(jobs: JobStore) -> None:
    training = InstantTraining(error=ParityCheckFailed("row 3 differs"))
    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, training, "training@one")
    assert jobs.get(job.id).error == "ParityCheckFailed: row 3 differs"
    assert training.champions == {}


def test_a_bug_ends_the_job_and_is_not_hidden(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")
    with pytest.raises(ZeroDivisionError):
        run_job(job.id, jobs, InstantTraining(error=ZeroDivisionError()), "training@one")
    assert jobs.get(job.id).state is State.FAILED


def test_an_attempt_that_was_taken_over_promotes_nothing(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")

    class Slow(InstantTraining):
        def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
            assert jobs.requeue(jobs.get(job.id))
            assert jobs.start(job.id, "training@two")
            return super().train(model, reason=reason, options=options, progress=progress)

    training = Slow()
    run_job(job.id, jobs, training, "training@one")
    assert (training.trained, training.champions) == (0, {})  # it has ended at its next stage
    assert jobs.get(job.id).state is State.RUNNING


def test_a_rejected_version_ends_the_job_with_the_reasons_and_serves_nobody(jobs: JobStore) -> None:
    training = InstantTraining(verdict=Verdict.REJECT)
    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, training, "training@one")
    done = jobs.get(job.id)
    assert (done.state, done.version, done.error) == (State.REJECTED, "1", None)
    assert done.decision is not None
    assert done.decision["summary"] == "0.5"
    assert training.champions == {}


def test_a_version_that_needs_approval_waits_as_the_challenger(jobs: JobStore) -> None:
    training = InstantTraining(verdict=Verdict.HOLD)
    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, training, "training@one")
    assert jobs.get(job.id).state is State.HELD
    assert training.challengers == {HOUSING.registered_model: "1"}
    assert training.champions == {}


def test_a_job_is_seen_to_be_evaluated(jobs: JobStore) -> None:
    seen = []

    class Watched(InstantTraining):
        def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
            for stage in ("split", EVALUATE, "register"):
                progress(stage, 90)
                seen.append(jobs.newest(1)[0].state)
            return super().train(model, reason=reason, options=options, progress=progress)

    run_job(jobs.create(HOUSING, "new data").id, jobs, Watched(), "training@one")
    assert seen == [State.RUNNING, State.EVALUATING, State.EVALUATING]


def test_a_job_that_nobody_wants_ends_after_the_stage_it_is_in(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")

    class CalledOff(InstantTraining):
        def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
            jobs.cancel(job.id)
            return super().train(model, reason=reason, options=options, progress=progress)

    training = CalledOff()
    run_job(job.id, jobs, training, "training@one")
    assert jobs.get(job.id).state is State.CANCELLED
    assert (training.trained, training.champions) == (0, {})


def test_a_job_that_nobody_wants_promotes_nothing_even_if_its_training_is_over(jobs: JobStore) -> None:
    job = jobs.create(HOUSING, "new data")

    class CalledOffLate(InstantTraining):
        def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
            trained = super().train(model, reason=reason, options=options, progress=progress)
            jobs.cancel(job.id)
            return trained

    training = CalledOffLate()
    run_job(job.id, jobs, training, "training@one")
    done = jobs.get(job.id)
    assert (done.state, done.version) == (State.CANCELLED, "1")
    assert training.champions == {}


def test_an_attempt_that_cannot_tell_its_end_leaves_the_job_to_the_next_one(jobs: JobStore) -> None:
    class CutOff(InstantTraining):
        def promote(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
            raise DatabaseUnavailable(f"{jobs} was lost before version {trained.version} of {job.model} was promoted")

    job = jobs.create(HOUSING, "new data")
    run_job(job.id, jobs, CutOff(), "training@one")
    lost = jobs.get(job.id)
    assert lost.state.is_active
    assert jobs.requeue(lost)
    run_job(job.id, jobs, InstantTraining(), "training@two")
    assert jobs.get(job.id).state is State.PROMOTED


def test_an_attempt_that_is_interrupted_after_its_promotion_leaves_the_job_promoted(jobs: JobStore) -> None:
    class Interrupted(InstantTraining):
        def promote(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
            super().promote(trained, job, jobs)
            raise SystemExit

    job = jobs.create(HOUSING, "new data")
    with pytest.raises(SystemExit):
        run_job(job.id, jobs, Interrupted(), "training@one")
    assert jobs.get(job.id).state is State.PROMOTED
