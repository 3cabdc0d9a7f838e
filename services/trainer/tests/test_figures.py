import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, update

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.telemetry.metrics import Figure
from trainer import figures
from trainer.db import tables
from trainer.db.engine import connect
from trainer.figures import FIGURES, Figures
from trainer.jobs import JobStore, State
from trainer.promotions.ledger import Ledger
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels
from trainer.upkeep import FIRST_START

WAITS = {"attempt": 0, "state": "queued", "stage": "waiting", "percent": 0}


@pytest.fixture
def jobs(engine: Engine) -> JobStore:
    return JobStore(engine)


def read(engine: Engine, figure: Figure, *labels: str) -> float:
    return Figures(engine).read()[figure][labels]


def test_every_figure_begins_at_zero(engine: Engine) -> None:
    readings = Figures(engine).read()
    assert set(readings) == set(FIGURES)
    for figure in set(FIGURES) - {figures.REACHABLE, figures.CHAMPION}:
        assert readings[figure], figure.name
        assert set(readings[figure].values()) == {0}, figure.name


def test_jobs_are_counted_by_state_and_by_what_asked_for_them(engine: Engine, jobs: JobStore) -> None:
    job = jobs.start(jobs.create(HOUSING, FIRST_START).id, "training@one")
    assert job is not None
    jobs.fail(job, "no")
    jobs.create(HOUSING, "somebody asked")
    assert read(engine, figures.JOBS, "housing", "queued") == 1
    assert read(engine, figures.JOBS, "iris", "queued") == 0
    assert read(engine, figures.FINISHED, "housing", "failed", "first_start") == 1
    assert read(engine, figures.FINISHED, "housing", "failed", "request") == 0


def test_when_a_job_last_came_to_an_end_is_told_of_good_ends_and_failures_apart(engine: Engine, jobs: JobStore) -> None:
    failed = jobs.start(jobs.create(HOUSING, "").id, "training@one")
    held = jobs.start(jobs.create(IRIS, "").id, "training@one")
    assert failed is not None
    assert held is not None
    began = time.time()
    jobs.fail(failed, "no")
    jobs.end(held, State.HELD)
    assert read(engine, figures.LAST_FAILURE, "housing") == pytest.approx(began, abs=60)
    assert read(engine, figures.LAST_SUCCESS, "housing") == 0
    assert read(engine, figures.LAST_FAILURE, "iris") == 0
    assert read(engine, figures.LAST_SUCCESS, "iris") == pytest.approx(began, abs=60)


def test_what_jobs_took_is_added_up(engine: Engine, jobs: JobStore) -> None:
    job = jobs.start(jobs.create(HOUSING, "").id, "training@one")
    assert job is not None
    jobs.end(job, State.PROMOTED)
    with engine.begin() as connection:
        asked = connection.execute(tables.jobs.select()).one().created_at.replace(hour=1, minute=0, second=0)
        times = {
            "created_at": asked,
            "started_at": asked.replace(hour=2),
            "finished_at": asked.replace(hour=2, minute=5),
        }
        connection.execute(update(tables.jobs).values(times))
    assert read(engine, figures.WAIT, "housing") == pytest.approx(3600, abs=0.01)
    assert read(engine, figures.DURATION, "housing") == pytest.approx(300, abs=0.01)
    assert read(engine, figures.ATTEMPTS, "housing") == 1


def test_a_job_that_waits_or_is_at_work_has_an_age(engine: Engine, jobs: JobStore) -> None:
    job = jobs.create(IRIS, "")
    with engine.begin() as connection:
        row = connection.execute(tables.jobs.select()).one()
        earlier = row.created_at.replace(year=row.created_at.year - 1)
        connection.execute(insert(tables.job_events).values(job=job.id, at=earlier, **WAITS))
    assert read(engine, figures.QUEUE_AGE, "iris") == pytest.approx(365 * 86_400, rel=0.01)
    started = jobs.start(job.id, "training@one")
    assert started
    assert read(engine, figures.QUEUE_AGE, "iris") == 0
    assert 0 < read(engine, figures.RUNNING_AGE, "iris") < 60
    assert jobs.hand_back(started)
    assert 0 < read(engine, figures.QUEUE_AGE, "iris") < 60


def test_a_database_that_hangs_is_told_in_time_and_asked_nothing_more_until_it_answers(engine: Engine) -> None:
    may_answer, asked = threading.Event(), threading.Semaphore(0)

    def hang(*_: object) -> None:
        asked.release()
        assert may_answer.wait(10)

    event.listen(engine, "before_cursor_execute", hang)
    hung = Figures(engine, patience_seconds=0.05)
    assert hung.read() == {figures.REACHABLE: {(): 0}}
    assert hung.read() == {figures.REACHABLE: {(): 0}}
    assert asked.acquire(timeout=10)
    assert not asked.acquire(blocking=False)
    may_answer.set()
    answers = Figures(engine).read()
    assert answers[figures.REACHABLE] == {(): 1}


def test_promotions_are_counted_and_the_last_one_names_the_champion(engine: Engine) -> None:
    models = InMemoryModels()
    for version in ("1", "2"):
        models.register(HOUSING.registered_model, version)
    ledger = Ledger(engine, models)
    ledger.promote(HOUSING, "1", reason="", actor="a test")
    ledger.promote(HOUSING, "2", reason="", actor="a test")
    ledger.rollback(HOUSING, reason="", actor="a test")
    assert read(engine, figures.PROMOTIONS, "housing", "promote") == 2
    assert read(engine, figures.PROMOTIONS, "housing", "rollback") == 1
    assert Figures(engine).read()[figures.CHAMPION] == {("housing", "1"): 1}
    assert read(engine, figures.CHAMPION_SINCE, "housing") > 0


def test_sharing_the_traffic_is_counted_and_makes_no_champion(engine: Engine) -> None:
    models = InMemoryModels()
    models.register(HOUSING.registered_model, "1")
    models.register(HOUSING.registered_model, "2")
    ledger = Ledger(engine, models)
    ledger.promote(HOUSING, "1", reason="", actor="a test")
    since = read(engine, figures.CHAMPION_SINCE, "housing")
    models.set_alias(HOUSING.registered_model, "challenger", "2")
    TrafficControl(ledger, models).share(HOUSING, percent=5, shadow=False, expires_at=None, reason="", actor="a test")
    TrafficControl(ledger, models).challenge(HOUSING, "2", reason="", actor="a test")
    assert read(engine, figures.PROMOTIONS, "housing", "traffic") == 1
    assert Figures(engine).read()[figures.CHAMPION] == {("housing", "1"): 1}
    assert read(engine, figures.CHAMPION_SINCE, "housing") == since


def test_with_the_database_away_only_that_is_told(tmp_path: Path) -> None:
    away = connect(f"sqlite:///{tmp_path}/nowhere/trainer.db")
    assert Figures(away).read() == {figures.REACHABLE: {(): 0}}


def test_asking_costs_five_statements_however_many_jobs_there_are(engine: Engine, jobs: JobStore) -> None:
    for _ in range(20):
        jobs.cancel(jobs.create(IRIS, "").id)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    Figures(engine).read()
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 5


def test_the_stages_of_the_job_that_ended_last_have_their_time_and_those_before_are_forgotten(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/unguarded.db")
    tables.metadata.create_all(engine)  # without the migrations' triggers, so that the times can be set
    jobs = JobStore(engine)
    for seconds in (600, 60):
        job = jobs.start(jobs.create(HOUSING, "").id, "training@one")
        assert job is not None
        for stage in ("load", "cross-validate ridge, fold 1 of 2", "cross-validate ridge, fold 2 of 2", "register"):
            jobs.progress(job, stage, 1)
        jobs.end(job, State.PROMOTED)
        with engine.begin() as connection:
            for number, step in enumerate(jobs.events(job.id)):
                later = job.created_at + timedelta(seconds=number * seconds)
                here = tables.job_events.c.sequence == step.sequence
                connection.execute(update(tables.job_events).where(here).values(at=later))
    assert read(engine, figures.STAGE, "housing", "waiting") == 60
    assert read(engine, figures.STAGE, "housing", "cross-validate") == 120
    assert read(engine, figures.STAGE, "housing", "register") == 60
    assert read(engine, figures.STAGE, "iris", "register") == 0
