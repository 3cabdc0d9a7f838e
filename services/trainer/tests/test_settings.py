import pickle
from time import time

import pytest

from mlplatform.settings import load_settings
from trainer.settings import TrainerSettings
from trainer.tasks import KEEP_UP, KEEP_UP_SECONDS, TRAIN, create_celery


@pytest.mark.parametrize(
    ("soft", "hard", "visibility"),
    [(60, 60, 120), (61, 60, 120), (60, 120, 120), (60, 180, 120), (60, 116, 120), (60, 115, 120)],
)
def test_limits_that_would_run_a_training_twice_are_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, soft: int, hard: int, visibility: int
) -> None:
    monkeypatch.setenv("MLPLATFORM_SOFT_LIMIT_SECONDS", str(soft))
    monkeypatch.setenv("MLPLATFORM_HARD_LIMIT_SECONDS", str(hard))
    monkeypatch.setenv("MLPLATFORM_VISIBILITY_TIMEOUT_SECONDS", str(visibility))
    with pytest.raises(SystemExit):
        load_settings(TrainerSettings)
    assert "have to rise in this order" in caplog.text


def test_room_for_a_worker_to_stop_is_enough() -> None:
    TrainerSettings(soft_limit_seconds=60, hard_limit_seconds=114, visibility_timeout_seconds=120)


def test_the_limits_that_celery_gets_are_those_of_the_settings() -> None:
    celery = create_celery(TrainerSettings(soft_limit_seconds=1, hard_limit_seconds=2, visibility_timeout_seconds=9))
    assert (celery.conf.task_soft_time_limit, celery.conf.task_time_limit) == (1, 2)
    assert celery.conf.broker_transport_options["visibility_timeout"] == 9


def test_beat_says_for_which_period_it_asks() -> None:
    [period] = create_celery(TrainerSettings()).conf.beat_schedule["keep up"]["args"]
    earliest = time() // KEEP_UP_SECONDS
    assert earliest <= period() <= time() // KEEP_UP_SECONDS
    assert pickle.dumps(period)  # beat keeps its schedule in a file


def test_trainings_and_short_tasks_have_a_queue_each() -> None:
    router = create_celery(TrainerSettings()).amqp.router
    assert [router.route({}, task)["queue"].name for task in (TRAIN, KEEP_UP)] == ["training", "upkeep"]


def test_no_password_is_told_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLPLATFORM_DATABASE_URL", "postgresql+psycopg://trainer:hush@db/x")
    monkeypatch.setenv("MLPLATFORM_REDIS_URL", "redis://:hush@redis")
    monkeypatch.setenv("MLPLATFORM_SOFT_LIMIT_SECONDS", "4000")
    with pytest.raises(SystemExit):
        load_settings(TrainerSettings)
    told = caplog.text
    assert "bad configuration" in told
    assert "hush" not in told
