"""What a predictor logs, and what it never does."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from shared.tests.conftest import Publish

from mlplatform.contracts import HOUSING
from mlplatform.serving import routing
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.testing import InMemoryRegistry

pytestmark = pytest.mark.anyio

# Values that can be nothing else.
ROW = {**HOUSING.example, "MedInc": 7.123456789, "Population": 98765.4321}
HEADERS = {"X-Request-ID": "request-to-find", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


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


async def test_a_clients_mistake_is_told_where_somebody_looks_for_it(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json", "DEBUG", model="housing")
    await predictor.post("/predict", json={**ROW, "Latitude": 200.0}, headers=HEADERS)
    (line,) = refusals(capsys.readouterr().out)
    assert line["request_id"] == "request-to-find"
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["model"], line["version"], line["level"]) == ("housing", "1", "debug")
    assert (line["status"], line["reason"]) == (422, "ContractViolation")
    assert not any(str(value) in json.dumps(line) for value in ROW.values() if value > 1)


async def test_a_clients_mistake_is_not_told_otherwise(
    predictor: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("housing-predictor", "json")
    await predictor.post("/predict", json={**ROW, "Latitude": 200.0}, headers=HEADERS)
    assert refusals(capsys.readouterr().out) == []


async def test_of_what_is_our_fault_one_in_a_second_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("housing-predictor", "json", model="housing")
    app = create_app(HOUSING, PredictorSettings(cache_dir=tmp_path))  # no version is there
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.state.predict), base_url="http://test") as client:
        for _ in range(3):
            assert (await client.post("/predict", json=ROW, headers=HEADERS)).status_code == 503
        app.state.predict._silence._told.clear()  # a second later
        await client.post("/predict", json=ROW, headers=HEADERS)
    first, later = refusals(capsys.readouterr().out)
    assert (first["level"], first["status"], first["reason"], first["version"]) == ("error", 503, "ModelNotReady", None)
    assert first["request_id"] == "request-to-find"
    assert (first["untold"], later["untold"]) == (0, 2)


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
