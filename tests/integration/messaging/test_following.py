"""A predictor, as a process of its own, that hears of changes over a real Redis."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlplatform.messaging.events import RedisModelEvents
from tests.helpers.predictors import Predictor
from tests.helpers.redis_server import RedisServer
from tests.helpers.stub_mlflow import StubMlflow
from tests.helpers.waiting import wait_until


@pytest.fixture
def mlflow() -> Iterator[StubMlflow]:
    with StubMlflow() as mlflow:
        mlflow.register("1")
        mlflow.register("2", weight=2.0)
        mlflow.aliases["champion"] = "1"
        yield mlflow


def hears(predictor: Predictor) -> bool:
    return predictor.metric("events_connected") == 1


def test_a_change_is_taken_up_at_a_word_long_before_the_next_poll(
    server: RedisServer, mlflow: StubMlflow, tmp_path: Path
) -> None:
    url = server.url("predictor")
    with Predictor(mlflow.url, tmp_path, redis_url=url, poll_seconds="60") as predictor:
        predictor.wait_for("1")
        wait_until(lambda: hears(predictor), what="Redis to be heard")
        mlflow.aliases["champion"] = "2"
        with closing(RedisModelEvents(server.url("trainer"))) as events:
            events.changed("housing")
        predictor.wait_for("2")


@pytest.mark.parametrize("trouble", ["gone", "hung", "refused"])
def test_with_redis_in_trouble_the_polls_go_on(
    server: RedisServer, mlflow: StubMlflow, tmp_path: Path, trouble: str
) -> None:
    url = server.url("predictor") if trouble != "refused" else f"redis://nobody:wrong@127.0.0.1:{server.port}/0"
    if trouble == "gone":
        server.stop()
    if trouble == "hung":
        server.pause()
    predictor = Predictor(mlflow.url, tmp_path, redis_url=url, poll_seconds="1")
    predictor.start()
    predictor.wait_for("1")
    mlflow.aliases["champion"] = "2"
    predictor.wait_for("2")
    assert not hears(predictor)
    assert predictor.stop() == 0
