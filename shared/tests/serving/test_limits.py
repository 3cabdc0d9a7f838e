"""Overload, disconnects and long requests, on the ASGI interface itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from shared.tests.conftest import Publish
from shared.tests.serving.conftest import until_ready
from starlette.types import ASGIApp

from mlplatform.contracts import HOUSING
from mlplatform.serving.app import create_app
from mlplatform.serving.predict import PredictEndpoint
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried

pytestmark = pytest.mark.anyio

IN_FLIGHT = 3
ROW = json.dumps(dict(HOUSING.example)).encode()


@pytest.fixture
async def app(settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish) -> AsyncIterator[FastAPI]:
    publish("1")
    app = create_app(HOUSING, settings.model_copy(update={"max_in_flight": IN_FLIGHT}), registry, untried)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client:
            await until_ready(client)
        yield app


class Request:
    """A request whose body arrives when the test lets it."""

    def __init__(self, app: ASGIApp) -> None:
        self.sent: list[dict[str, Any]] = []
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
        self.task = asyncio.ensure_future(app(scope, self._messages.get, self._send))

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(dict(message))

    def arrives(self, body: bytes = ROW) -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": False})

    def begins(self, body: bytes) -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": True})

    def leaves(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def started(app: FastAPI, count: int) -> list[Request]:
    requests = [Request(app) for _ in range(count)]
    await asyncio.sleep(0)
    return requests


async def test_what_is_beyond_the_limit_is_told_at_once_to_come_again(app: FastAPI) -> None:
    waiting = await started(app, IN_FLIGHT)
    [beyond] = await started(app, 1)
    await beyond.task
    assert beyond.status == 503
    assert (b"retry-after", b"2") in beyond.sent[0]["headers"]
    for request in waiting:
        request.arrives()
        await request.task
    assert {request.status for request in waiting} == {200}


async def test_requests_that_wait_for_their_turn_are_counted_where_the_server_knows_of_them(app: FastAPI) -> None:
    endpoint: PredictEndpoint = app.state.predict
    requests = [Request(endpoint.admitted) for _ in range(2 * IN_FLIGHT)]
    for request in requests:
        endpoint.arrived()
        request.arrives()
    await asyncio.gather(*(request.task for request in requests))
    assert [request.status for request in requests] == [503] * IN_FLIGHT + [200] * IN_FLIGHT


async def test_health_and_metrics_are_never_shed(app: FastAPI) -> None:
    waiting = await started(app, IN_FLIGHT)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client:
        assert (await client.get("/health/ready")).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert f'mlplatform_predict_in_flight{{model="housing"}} {IN_FLIGHT}.0' in metrics
    for request in waiting:
        request.leaves()
        await request.task


@pytest.mark.parametrize(
    "leave", [Request.leaves, lambda request: request.task.cancel()], ids=["leaves", "is cancelled"]
)
async def test_a_client_that_goes_away_makes_room(app: FastAPI, leave: Callable[[Request], object]) -> None:
    for request in await started(app, IN_FLIGHT):
        leave(request)
        await asyncio.wait([request.task])
        assert request.sent == []
    [late] = await started(app, 1)
    late.arrives()
    await late.task
    assert late.status == 200
    assert requests_by_outcome(app) == {"disconnected": IN_FLIGHT, "ok": 1}
    assert app.state.admission.in_flight == 0


def requests_by_outcome(app: FastAPI) -> dict[str, float]:
    """Those predict requests that were counted."""
    [durations, _] = app.state.metrics.tally.collect()
    counts = {s.labels["outcome"]: s.value for s in durations.samples if s.name.endswith("_count")}
    return {outcome: count for outcome, count in counts.items() if count}


async def test_a_long_request_lets_short_ones_pass(app: FastAPI) -> None:
    rows = [dict(HOUSING.example)] * 100
    long, short = await started(app, 2)
    long.arrives(json.dumps({"instances": rows}, indent=8).encode())
    short.arrives()
    finished: list[str] = []

    async def note(name: str, done: Awaitable[None]) -> None:
        await done
        finished.append(name)

    await asyncio.gather(note("long", long.task), note("short", short.task))
    assert finished == ["short", "long"]
    assert (long.status, short.status) == (200, 200)


async def test_a_body_longer_than_it_may_be_is_refused_before_it_has_arrived(app: FastAPI) -> None:
    [request] = await started(app, 1)
    request.begins(b" " * (64 * 1024 + 1))
    await request.task
    assert request.status == 413
