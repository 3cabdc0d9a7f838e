"""The ids of a request in the log, up to what the server says of its failure."""

import json
import logging
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from shared.tests.serving.test_at_once import listening
from shared.tests.web.test_service import no_lifespan
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.metrics import process_registry
from mlplatform.web.service import create_service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("restored_logging")]

HEADERS = {"X-Request-ID": "request-to-find", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
IDS = {"request_id": "request-to-find", "trace_id": "0af7651916cd43dd8448eb211c80319c"}


@pytest.fixture
def app() -> FastAPI:
    app = create_service(title="test", description="", metrics=process_registry(), lifespan=no_lifespan)

    @app.get("/telling")
    def telling() -> None:
        structlog.get_logger("ours").info("in a thread")
        logging.getLogger("a.library").warning("beside it")

    @app.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    return app


async def said(app: FastAPI, capsys: pytest.CaptureFixture[str], *paths: str) -> list[dict[str, Any]]:
    """The lines of a server of the app, asked for each path with the same ids."""
    configure_logging("test", "json")
    async with (
        listening(app, HttpToolsProtocol) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client,
    ):
        for path in paths:
            await client.get(path, headers=HEADERS)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_every_line_of_a_request_has_its_ids(app: FastAPI, capsys: pytest.CaptureFixture[str]) -> None:
    lines = await said(app, capsys, "/telling")
    assert [line["event"] for line in lines] == ["in a thread", "beside it"]
    assert all(line.items() >= IDS.items() for line in lines)


async def test_what_the_server_says_of_a_bug_has_them_too(app: FastAPI, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = await said(app, capsys, "/bug")
    assert line.items() >= {**IDS, "level": "error"}.items()
    assert "ZeroDivisionError" in line["exception"]


async def test_the_ids_of_a_request_that_failed_are_not_those_of_the_next(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test", "json")
    async with (
        listening(app, HttpToolsProtocol) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client,
    ):
        await client.get("/bug", headers=HEADERS)
        await client.get("/telling")
    _, *after = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(after) == 2
    assert all(line["request_id"] != "request-to-find" and "trace_id" not in line for line in after)
