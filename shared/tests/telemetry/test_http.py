import asyncio
import re
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from mlplatform.telemetry.http import HttpMetrics
from mlplatform.telemetry.metrics import render

ROUTES = [
    (re.compile(r"^/jobs$"), "/jobs", ["GET"]),
    (re.compile(r"^/jobs$"), "/jobs", ["POST"]),
    (re.compile(r"^/jobs/[^/]+$"), "/jobs/{job}", ["GET", "DELETE"]),
]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> HttpMetrics:
    return HttpMetrics(registry, lambda: ROUTES)


def ask(metrics: HttpMetrics, path: str, method: str, status: int = 200) -> None:
    with metrics.request(path, method) as outcome:
        outcome.status = status


def counted(registry: CollectorRegistry, route: str, method: str, code: str) -> float | None:
    labels = {"route": route, "method": method, "code": code}
    return registry.get_sample_value("mlplatform_http_requests_total", labels)


def test_a_path_with_several_methods_is_one_route(metrics: HttpMetrics, registry: CollectorRegistry) -> None:
    for method in ("GET", "POST"):
        ask(metrics, "/jobs", method)
        assert counted(registry, "/jobs", method, "2xx") == 1


def test_a_method_that_a_route_does_not_have_is_another(metrics: HttpMetrics, registry: CollectorRegistry) -> None:
    for method in ("DELETE", "BREW"):
        ask(metrics, "/jobs", method, 405)
    assert counted(registry, "/jobs", "other", "4xx") == 2


def test_no_request_makes_a_series_that_was_not_there(metrics: HttpMetrics, registry: CollectorRegistry) -> None:
    ask(metrics, "/jobs", "GET")
    before = len(render(registry).splitlines())
    for path in ("/jobs", "/jobs/1", "/jobs/1/", "/nowhere"):
        for method in ("GET", "PUT", "DELETE", "BREW"):
            for status in (200, 307, 404, 503):
                ask(metrics, path, method, status)
    assert len(render(registry).splitlines()) == before


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (None, asyncio.CancelledError(), "4xx"),
        (200, asyncio.CancelledError(), "2xx"),
        (None, ZeroDivisionError(), "5xx"),
        (200, ZeroDivisionError(), "2xx"),
        (None, None, "4xx"),
    ],
)
def test_a_request_that_was_broken_off_is_counted_and_in_flight_no_more(
    metrics: HttpMetrics, registry: CollectorRegistry, status: int | None, error: BaseException | None, code: str
) -> None:
    with suppress(BaseException), metrics.request("/jobs", "GET") as outcome:
        assert registry.get_sample_value("mlplatform_http_requests_in_flight", {"route": "/jobs"}) == 1
        outcome.status = status
        if error:
            raise error
    assert counted(registry, "/jobs", "GET", code) == 1
    assert registry.get_sample_value("mlplatform_http_requests_in_flight", {"route": "/jobs"}) == 0
    labels = {"route": "/jobs", "method": "GET"}
    assert registry.get_sample_value("mlplatform_http_request_duration_seconds_count", labels) == 1
