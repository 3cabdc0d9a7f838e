"""A predictor that is asked to stop, as a process of its own."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mlplatform.contracts import HOUSING
from tests.helpers.predictors import ROW, Predictor
from tests.helpers.stub_mlflow import StubMlflow
from tests.helpers.waiting import wait_until

_HEAD = b"POST /predict HTTP/1.1\r\nhost: predictor\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


@pytest.fixture
def mlflow() -> Iterator[StubMlflow]:
    with StubMlflow() as mlflow:
        mlflow.register("1")
        mlflow.aliases["champion"] = "1"
        yield mlflow


def refuses(predictor: Predictor) -> bool:
    try:
        httpx.get(f"{predictor.url}/health/live", timeout=5)
    except httpx.ConnectError:
        return True
    return False


def test_it_is_not_ready_first_goes_on_answering_finishes_what_it_has_begun_and_ends_well(
    mlflow: StubMlflow, tmp_path: Path
) -> None:
    predictor = Predictor(mlflow.url, tmp_path, drain_seconds="5")
    predictor.start()
    predictor.wait_for("1")
    with socket.create_connection(("127.0.0.1", predictor.port), timeout=30) as begun:
        begun.sendall(_HEAD % len(ROW) + ROW[:20])
        predictor.ask_to_stop()
        wait_until(lambda: httpx.get(f"{predictor.url}/health/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE)
        health = httpx.get(f"{predictor.url}/health")
        assert health.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert (health.json()["version"], health.json()["reason"]) == ("1", "it was asked to stop")
        assert predictor.predict()["status"] == httpx.codes.OK
        wait_until(lambda: refuses(predictor), what="the end of listening")
        begun.sendall(ROW[20:])
        answer = begun.makefile("rb").read()
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["prediction"] == pytest.approx(sum(HOUSING.example.values()))
    assert predictor.end() == 0
    assert "Finished server process" in predictor.log[-1]["event"]


def test_asked_twice_it_does_not_wait(mlflow: StubMlflow, tmp_path: Path) -> None:
    predictor = Predictor(mlflow.url, tmp_path, drain_seconds="60")
    predictor.start()
    predictor.wait_for("1")
    predictor.ask_to_stop()
    wait_until(lambda: httpx.get(f"{predictor.url}/health/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE)
    predictor.ask_to_stop()
    assert predictor.end() == 0
