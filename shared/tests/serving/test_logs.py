"""What a predictor logs, and what it never does."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from shared.tests.conftest import Publish

from mlplatform.contracts import HOUSING
from mlplatform.serving import routing
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.testing import InMemoryRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("restored_logging")]

# Values that can be nothing else.
ROW = {**HOUSING.example, "MedInc": 7.123456789, "Population": 98765.4321}
HEADERS = {"X-Request-ID": "request-to-find", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


async def test_no_feature_is_logged_whatever_becomes_of_the_request(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("housing-predictor", "json")
    for body in (ROW, {"instances": [ROW, ROW]}, {**ROW, "Latitude": 200.0}, {**ROW, "unknown": 1}):
        await predictor.post("/predict", json=body, headers=HEADERS)
    monkeypatch.setattr(routing, "predict", _fails)
    assert (await predictor.post("/predict", json=ROW, headers=HEADERS)).status_code == 500
    said = capsys.readouterr().out
    assert "prediction failed" in said
    assert "7.123456789" not in said
    assert "98765.4321" not in said


async def test_a_failure_names_request_trace_and_version_on_one_line(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("housing-predictor", "json")
    monkeypatch.setattr(routing, "predict", _fails)
    await predictor.post("/predict", json=ROW, headers=HEADERS)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "prediction failed" in line]
    assert line["request_id"] == "request-to-find"
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["service"], line["version"], line["level"]) == ("housing-predictor", "1", "error")
    assert "ZeroDivisionError" in line["exception"]


async def test_a_clients_mistake_is_told_with_what_it_takes_to_find_it(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    await predictor.post("/predict", json={**ROW, "Latitude": 200.0}, headers=HEADERS)
    (line,) = refusals(capsys.readouterr().out)
    assert line["request_id"] == "request-to-find"
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["model"], line["version"], line["level"]) == ("housing", "1", "info")
    assert (line["status"], line["reason"]) == (422, "contract_violation")
    assert not any(str(value) in json.dumps(line) for value in ROW.values() if value > 1)


async def test_a_version_that_was_asked_for_in_vain_is_told_but_not_at_any_length(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    for asked in ("77", "7" * 400):
        response = await predictor.post("/predict", json=ROW, headers={"X-Model-Version": asked})
        assert response.status_code == 404
    lines = refusals(capsys.readouterr().out)
    assert [(line["version"], line["reason"]) for line in lines] == [
        ("77", "version_not_found"),
        ("7" * 16, "version_not_found"),
    ]


@pytest.mark.parametrize("body", [ROW, {"instances": [ROW] * 60}])
async def test_an_answer_can_be_followed_where_somebody_looks_for_it(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], body: dict[str, Any]
) -> None:
    configure_logging("housing-predictor", "json", "DEBUG", model="housing")
    assert (await predictor.post("/predict", json=body, headers=HEADERS)).status_code == 200
    (line,) = answers(capsys.readouterr().out)
    assert (line["request_id"], line["trace_id"]) == ("request-to-find", "0af7651916cd43dd8448eb211c80319c")
    assert (line["model"], line["version"], line["variant"], line["status"]) == ("housing", "1", "champion", 200)
    assert line["rows"] == len(body.get("instances", [ROW]))
    assert 0 < line["seconds"] < 60
    assert not any(str(value) in json.dumps(line) for value in (7.123456789, 98765.4321))


async def test_an_answer_is_not_told_otherwise(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json")
    assert (await predictor.post("/predict", json=ROW, headers=HEADERS)).status_code == 200
    assert capsys.readouterr().out == ""


async def test_of_a_flood_of_refusals_a_few_are_told_and_the_others_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    app = create_app(HOUSING, PredictorSettings(cache_dir=tmp_path))  # no version is there
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.state.predict), base_url="http://test") as client:
        for _ in range(25):
            assert (await client.post("/predict", json=ROW, headers=HEADERS)).status_code == 503
        await client.get("/predict")  # of another kind
        let_a_minute_pass(app)
        await client.post("/predict", json=ROW, headers=HEADERS)
    *first, other, later = refusals(capsys.readouterr().out)
    assert {(line["level"], line["status"], line["reason"]) for line in first} == {("error", 503, "model_not_ready")}
    assert (len(first), {line["untold"] for line in first}) == (10, {0})
    assert first[0]["version"] is None
    assert (other["reason"], other["status"]) == ("method_not_allowed", 405)
    assert (later["reason"], later["untold"]) == ("model_not_ready", 15)


async def test_what_is_shed_before_it_is_read_is_told_as_sparsely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    app = create_app(HOUSING, PredictorSettings(cache_dir=tmp_path, max_in_flight=1))
    app.state.predict.arrived()
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    for _ in range(25):
        assert app.state.predict.refusal_at_once("/predict", headers).status == 503
    lines = refusals(capsys.readouterr().out)
    assert len(lines) == 10
    assert {(line["request_id"], line["reason"], line["status"]) for line in lines} == {
        ("request-to-find", "overloaded", 503)
    }


async def test_a_bug_that_every_request_meets_is_told_a_few_times(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("housing-predictor", "json")
    monkeypatch.setattr(routing, "predict", _fails)
    for _ in range(25):
        assert (await predictor.post("/predict", json=ROW)).status_code == 500
    assert capsys.readouterr().out.count("prediction failed") == 10


async def test_a_way_of_following_that_cannot_go_on_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    settings = PredictorSettings(cache_dir=tmp_path, redis_url="nobody://127.0.0.1")
    app = create_app(HOUSING, settings, InMemoryRegistry())
    said = ""
    async with app.router.lifespan_context(app), asyncio.timeout(20):
        while "followed no more" not in said:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().out
    assert "nobody" in said or "scheme" in said


def let_a_minute_pass(app: FastAPI) -> None:
    for window in app.state.predict._throttle._windows.values():
        window.began -= 60


def answers(said: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, said.splitlines()) if line["event"] == "prediction"]


def refusals(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if "prediction refused" in line]


@pytest.mark.parametrize("body", [ROW, {"instances": [ROW] * 60}])
async def test_a_failure_names_the_version_that_was_asked_for(
    predictor: httpx.AsyncClient,
    publish: Publish,
    registry: InMemoryRegistry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    body: object,
) -> None:
    publish("2")
    registry.champion = "1"
    configure_logging("housing-predictor", "json")
    asked = {**HEADERS, "X-Model-Version": "2"}
    assert (await predictor.post("/predict", json=body, headers=asked)).json()["version"] == "2"
    monkeypatch.setattr(routing, "predict", _fails)
    await predictor.post("/predict", json=body, headers=asked)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "prediction failed" in line]
    assert (line["version"], line["variant"]) == ("2", "pinned")
    metrics = (await predictor.get("/metrics")).text
    assert 'mlplatform_prediction_failures_total{model="housing",variant="pinned",version="2"} 1.0' in metrics
    assert 'mlplatform_prediction_failures_total{model="housing",variant="champion",version="1"} 0.0' in metrics


def _fails(*_: object) -> None:
    raise ZeroDivisionError
