from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from mlplatform.errors import UnknownModel
from mlplatform.telemetry.metrics import process_registry
from mlplatform.web.service import create_service

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_service(title="test", description="", metrics=process_registry(), lifespan=no_lifespan)

    @app.get("/unknown")
    async def unknown() -> None:
        raise UnknownModel("no model 'wine'")

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError

    @app.get("/items/{item}")
    async def item(item: int) -> int:
        return item

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(("path", "status"), [("/unknown", 404), ("/nowhere", 404), ("/bug", 500), ("/items/x", 422)])
async def test_every_error_is_a_problem_document(client: httpx.AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["instance"]) == (status, path)
    assert problem["request_id"]


async def test_a_wrong_method_is_a_problem_that_tells_the_right_one(client: httpx.AsyncClient) -> None:
    response = await client.post("/unknown")
    assert response.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert response.headers["allow"] == "GET"


async def test_a_bug_tells_the_client_nothing_of_itself(client: httpx.AsyncClient) -> None:
    assert "ZeroDivisionError" not in (await client.get("/bug")).text


async def test_a_well_formed_request_id_is_kept(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": "abcd-1234"})
    assert response.headers["x-request-id"] == "abcd-1234"


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space 123", 'quote"12345'])
async def test_an_ill_formed_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 36


async def test_paths_that_no_route_knows_make_no_new_series(client: httpx.AsyncClient) -> None:
    for number in range(20):
        await client.get(f"/nowhere/{number}")
        await client.get(f"/items/{number}")
    metrics = (await client.get("/metrics/prometheus")).text
    counts = [line for line in metrics.splitlines() if line.startswith("mlplatform_http_requests_total")]
    assert 'mlplatform_http_requests_total{code="2xx",method="GET",route="/items/{item}"} 20.0' in counts
    assert 'mlplatform_http_requests_total{code="4xx",method="GET",route="unmatched"} 20.0' in counts
    assert not any("nowhere" in line for line in counts)


async def test_every_route_begins_at_zero_and_nothing_a_client_sends_makes_a_series(client: httpx.AsyncClient) -> None:
    before = series(await client.get("/metrics"))
    assert 'mlplatform_http_requests_total{code="5xx",method="GET",route="/bug"}' in before
    for number in range(50):
        await client.get(
            f"/nowhere/{number}", headers={"X-Request-ID": f"request-{number}", "X-Client-ID": f"{number}"}
        )
        await client.request("GET", f"/items/{number}?q={number}")
    assert series(await client.get("/metrics")) == before


async def test_an_unknown_method_is_one_series_however_many_there_are(client: httpx.AsyncClient) -> None:
    await client.request("FIRST", "/health/live")
    before = series(await client.get("/metrics"))
    for number in range(20):
        await client.request(f"METHOD{number}", "/health/live")
    assert series(await client.get("/metrics")) == before


async def test_a_request_counts_as_in_flight_while_it_is_answered(client: httpx.AsyncClient) -> None:
    metrics = (await client.get("/metrics")).text
    assert 'mlplatform_http_requests_in_flight{route="/metrics"} 1.0' in metrics
    assert 'mlplatform_http_requests_in_flight{route="/bug"} 0.0' in metrics


def series(response: httpx.Response) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in response.text.splitlines() if line.startswith("mlplatform_")}
