"""The predictor's own protocol, over real sockets."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from math import nan

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from shared.tests.conftest import Publish
from shared.tests.serving.conftest import until_ready
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from mlplatform.contracts import HOUSING
from mlplatform.runtime.session import FEW, Rows
from mlplatform.serving.app import PATH, create_app
from mlplatform.serving.at_once import answering_at_once
from mlplatform.serving.instances import OneRow
from mlplatform.serving.predict import Answer, PredictEndpoint, Waiting
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried

pytestmark = pytest.mark.anyio

ROW = json.dumps(dict(HOUSING.example)).encode()
LONG = json.dumps({"instances": [dict(HOUSING.example)] * 50}).encode()
IDLE_SECONDS = 0.2


def post(body: bytes = ROW, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST {PATH} HTTP/{version}", "Host: predictor", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[bytes, bytes]:
        """Head and body of the next answer."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            return head, await self.reader.readexactly(int(length[1]))

    async def status(self) -> int:
        head, _ = await self.answer()
        return int(head.split()[1])

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@dataclass
class Running:
    """An app behind a protocol on a port of its own."""

    state: ServerState
    port: int

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def listening(app: FastAPI, protocol: type[HttpToolsProtocol]) -> AsyncIterator[Running]:
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off")
    config.timeout_keep_alive = IDLE_SECONDS  # type: ignore[assignment] # uvicorn waits for parts of a second, too
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Mon, 23 Nov 2026 00:00:00 GMT")]
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield Running(state, server.sockets[0].getsockname()[1])


@pytest.fixture
async def app(settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish) -> AsyncIterator[FastAPI]:
    publish("1")
    app = create_app(HOUSING, settings, registry, untried)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client:
            await until_ready(client)
        yield app


@pytest.fixture
async def running(app: FastAPI) -> AsyncIterator[Running]:
    async with listening(app, answering_at_once(PATH, app.state.predict)) as running:
        yield running


@pytest.fixture
async def connection(running: Running) -> AsyncIterator[Connection]:
    async with running.connect() as connection:
        yield connection


def without_ids(text: bytes) -> bytes:
    return re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"ID", text)


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(),
        post(b"{"),
        post(b""),
        post(ROW, "Content-Type: text/html"),
        post(ROW, "Content-Encoding: gzip"),
        post(ROW, "Accept: text/csv"),
        post(ROW, "X-Request-ID: 12345678-abc"),
        post(ROW, "X-REQUEST-id: not/fit"),
        post(ROW, "Connection: close"),
        post(ROW, version="1.0"),
        post(LONG),
        b"GET /predict HTTP/1.1\r\nHost: predictor\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: predictor\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_every_answer_is_the_one_that_the_app_gives(app: FastAPI, request_bytes: bytes) -> None:
    answers = []
    for protocol in (answering_at_once(PATH, app.state.predict), HttpToolsProtocol):
        async with listening(app, protocol) as running, running.connect() as connection:
            connection.send(request_bytes)
            answers.append([without_ids(part) for part in await connection.answer()])
    assert answers[0] == answers[1]


async def test_an_answer_takes_no_task(running: Running, connection: Connection) -> None:
    connection.send(post())
    assert await connection.status() == httpx.codes.OK
    assert (running.state.total_requests, running.state.tasks) == (1, set())


async def test_a_request_may_come_byte_by_byte(connection: Connection) -> None:
    for byte in post():
        connection.send(bytes([byte]))
        await connection.writer.drain()
    assert await connection.status() == httpx.codes.OK


async def test_a_chunked_body_is_read_to_its_end(connection: Connection) -> None:
    connection.send(b"POST /predict HTTP/1.1\r\nHost: predictor\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.send(b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, ROW[:10], len(ROW) - 10, ROW[10:]))
    assert await connection.status() == httpx.codes.OK


async def test_pipelined_requests_are_answered_in_order_whichever_way_they_go(connection: Connection) -> None:
    ways = [ROW, LONG, ROW, b"{", LONG, ROW]
    connection.send(b"".join(post(body) for body in ways))
    answers = [json.loads((await connection.answer())[1]) for _ in ways]
    kinds = [next(iter(answer)) for answer in answers]
    assert kinds == ["prediction", "predictions", "prediction", "type", "predictions", "prediction"]


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(connection: Connection) -> None:
    head, _, body = post(ROW, "Expect: 100-continue").partition(b"\r\n\r\n")
    connection.send(head + b"\r\n\r\n")
    async with asyncio.timeout(10):
        assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(body)
    assert await connection.status() == httpx.codes.OK


@pytest.mark.parametrize("request_bytes", [post(ROW, "Connection: close"), post(ROW, version="1.0")])
async def test_a_connection_ends_when_the_client_wants_no_more(connection: Connection, request_bytes: bytes) -> None:
    connection.send(request_bytes)
    head, _ = await connection.answer()
    assert b"connection: close" in head
    assert await connection.is_closed()


@pytest.mark.parametrize("body", [ROW, LONG])
async def test_an_idle_connection_is_closed_in_time(connection: Connection, body: bytes) -> None:
    connection.send(post(body))
    await connection.answer()
    asked = asyncio.get_running_loop().time()
    assert await connection.is_closed()
    assert asyncio.get_running_loop().time() - asked > 0.9 * IDLE_SECONDS


async def test_a_connection_in_use_is_never_idle(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + 3 * IDLE_SECONDS
    while loop.time() < ends:
        connection.send(post())
        assert await connection.status() == httpx.codes.OK


async def test_a_request_on_its_way_is_answered_before_a_shutdown(running: Running, connection: Connection) -> None:
    connection.send(post())
    await connection.answer()
    connection.send(post()[:-10])
    [protocol] = running.state.connections
    await until(lambda: getattr(protocol, "_body", None))
    protocol.shutdown()
    connection.send(post()[-10:])
    assert await connection.status() == httpx.codes.OK
    assert await connection.is_closed()


async def test_a_shutdown_closes_a_connection_between_requests(running: Running, connection: Connection) -> None:
    connection.send(post())
    await connection.answer()
    [protocol] = running.state.connections
    protocol.shutdown()
    assert await connection.is_closed()


async def test_a_connection_that_is_gone_leaves_no_timer(running: Running, connection: Connection) -> None:
    connection.send(post())
    await connection.answer()
    [protocol] = running.state.connections
    assert isinstance(protocol, HttpToolsProtocol)
    connection.writer.close()
    await until(lambda: not running.state.connections)
    assert protocol.timeout_keep_alive_task is None


async def until(
    condition: Callable[[], object], turn: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await turn()


async def test_beyond_the_limit_even_long_requests_are_refused_without_a_task(
    app: FastAPI, running: Running, connection: Connection
) -> None:
    app.state.admission.in_flight = 1_000
    connection.send(post(LONG) + post())
    assert [await connection.status(), await connection.status()] == [httpx.codes.SERVICE_UNAVAILABLE] * 2
    assert (running.state.total_requests, running.state.tasks) == (2, set())


async def test_a_refusal_is_of_one_request_and_not_of_the_next(app: FastAPI, connection: Connection) -> None:
    app.state.admission.in_flight = 1_000
    connection.send(post(LONG))
    await connection.status()
    app.state.admission.in_flight = 0
    connection.send(post(LONG) + post())
    assert [await connection.status(), await connection.status()] == [httpx.codes.OK] * 2


@pytest.mark.parametrize("headers", [(), ("X-Request-ID: 12345678-abc",)])
async def test_a_refusal_at_once_is_the_one_that_the_app_gives(app: FastAPI, headers: tuple[str, ...]) -> None:
    app.state.admission.in_flight = 1_000
    answers = []
    for protocol in (answering_at_once(PATH, app.state.predict), HttpToolsProtocol):
        async with listening(app, protocol) as running, running.connect() as connection:
            connection.send(post(ROW, *headers))
            answers.append([without_ids(part) for part in await connection.answer()])
    assert answers[0] == answers[1]
    assert json.loads(answers[0][1])["status"] == httpx.codes.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("clients", [1, 2, 7, FEW, 2 * FEW + 5])
async def test_each_of_many_clients_gets_the_answer_to_its_own_row(running: Running, clients: int) -> None:
    async def ask(number: int, connection: Connection) -> None:
        for repeat in range(5):
            row = {**HOUSING.example, "Population": 1.0 + number * 10 + repeat}
            request_id = f"client-{number}-{repeat}"
            connection.send(post(json.dumps(row).encode(), f"X-Request-ID: {request_id}"))
            head, body = await connection.answer()
            assert f"x-request-id: {request_id}".encode() in head
            assert json.loads(body)["prediction"] == pytest.approx(sum(row.values()))

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(running.connect()) for _ in range(clients)]
        await asyncio.gather(*(ask(number, connection) for number, connection in enumerate(connections)))


async def test_a_client_that_sends_no_more_gets_its_answer(connection: Connection) -> None:
    connection.send(post())
    connection.writer.write_eof()
    assert await connection.status() == httpx.codes.OK


async def test_a_client_that_is_gone_costs_the_others_nothing(running: Running, connection: Connection) -> None:
    async with running.connect() as gone:
        gone.send(post())
        gone.writer.transport.abort()
        connection.send(post())
        assert await connection.status() == httpx.codes.OK


async def test_long_work_is_not_begun_for_a_client_that_has_left(
    app: FastAPI, running: Running, connection: Connection
) -> None:
    slow = Slow()
    app.state.slot.live = replace(app.state.slot.live, model=slow)
    connection.send(post(LONG))
    await until(slow.has_begun.is_set, pause)
    async with running.connect() as leaving:
        leaving.send(post(LONG))
        await until(lambda: app.state.admission.in_flight == 2, pause)
    await until(lambda: app.state.admission.in_flight == 1, pause)
    slow.may_end.set()
    assert await connection.status() == httpx.codes.OK
    connection.send(post(LONG))
    assert await connection.status() == httpx.codes.OK
    assert slow.runs == 2


@pytest.mark.parametrize("length", [100, 10_000], ids=["short", "long"])
async def test_a_client_that_leaves_in_the_middle_of_its_body_is_counted_once(
    app: FastAPI, running: Running, length: int
) -> None:
    def left() -> float:
        [durations, _] = app.state.metrics.tally.collect()
        labels = {"model": "housing", "outcome": "disconnected"}
        [count] = [s.value for s in durations.samples if s.name.endswith("_count") and s.labels == labels]
        return float(count)

    async with running.connect() as leaving:
        leaving.send(f"POST {PATH} HTTP/1.1\r\nHost: predictor\r\nContent-Length: {length}\r\n\r\n".encode())
        leaving.send(b" " * (length // 2))
    await until(lambda: left() > 0, pause)
    assert (left(), app.state.admission.in_flight) == (1, 0)


async def test_rows_of_one_turn_that_wait_for_different_versions_are_answered_by_theirs(
    app: FastAPI, publish: Publish
) -> None:
    endpoint: PredictEndpoint = app.state.predict
    old = endpoint.at_once(PATH, [], ROW)
    publish("2", weight=2.0)
    await until(lambda: json.loads(answered(endpoint, endpoint.at_once(PATH, [], ROW)))["version"] == "2", pause)
    new = endpoint.at_once(PATH, [], ROW)
    assert isinstance(old, Waiting)
    assert isinstance(new, Waiting)
    answers = [json.loads(answer.content) for answer in endpoint.together([old, new, old])]
    assert [answer["version"] for answer in answers] == ["1", "2", "1"]
    assert answers[1]["prediction"] == pytest.approx(2 * answers[0]["prediction"])


async def test_a_model_that_fails_costs_every_row_of_its_run_and_no_other(app: FastAPI) -> None:
    endpoint: PredictEndpoint = app.state.predict
    good = endpoint.at_once(PATH, [], ROW)
    assert isinstance(good, Waiting)
    bad = good._replace(live=replace(good.live, model=Broken()))  # type: ignore[arg-type] # it fails, as a model can
    statuses = [answer.status for answer in endpoint.together([good, bad, bad, good])]
    assert statuses == [200, 500, 500, 200]


async def test_a_row_that_the_model_fails_at_costs_no_other_row_of_its_run(app: FastAPI) -> None:
    endpoint: PredictEndpoint = app.state.predict
    good = endpoint.at_once(PATH, [], ROW)
    assert isinstance(good, Waiting)
    live = replace(good.live, model=Particular(bad=good.row.values))  # type: ignore[arg-type] # one method is used
    other = good._replace(live=live, row=OneRow((1.0,) * 8))
    statuses = [answer.status for answer in endpoint.together([other, good._replace(live=live), other])]
    assert statuses == [200, 500, 200]


class Particular:
    """A model to whose run with a certain row there is no answer that is a number."""

    def __init__(self, bad: tuple[float, ...]) -> None:
        self._bad = bad

    def run_few(self, rows: Sequence[tuple[float, ...]]) -> tuple[list[float], None]:
        return [nan if row == self._bad else sum(row) for row in rows], None


class Broken:
    """A model whose every run fails."""

    def run_few(self, _rows: object) -> None:
        raise RuntimeError("no memory")


class Slow:
    """A model that answers when the test lets it."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.runs = 0

    def run(self, rows: Rows) -> tuple[NDArray[np.float64], None]:
        self.runs += 1
        self.has_begun.set()
        assert self.may_end.wait(timeout=10)
        return rows.sum(axis=1), None


def answered(endpoint: PredictEndpoint, answer: Answer | Waiting | None) -> bytes:
    assert answer is not None
    return answer.content if isinstance(answer, Answer) else endpoint.together([answer])[0].content


async def pause() -> None:
    await asyncio.sleep(0.01)
