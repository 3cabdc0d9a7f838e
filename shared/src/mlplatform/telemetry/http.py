"""Requests of a service by route: how many, how long, how many are being answered."""

import re
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from mlplatform.telemetry.metrics import SECONDS

UNMATCHED = "unmatched"
OTHER = "other"
_BUG = 500
_LEFT = 499  # as nginx calls a client that hangs up
_CODES = ("2xx", "3xx", "4xx", "5xx")

Template = tuple[re.Pattern[str], str, Iterable[str]]
"""What a route's paths look like, the name of the route, its methods."""


class HttpMetrics:
    """Labels are the route's template, never the path, and its own methods or `other`: no client can make a series.

    Args:
        registry: exposes them.
        routes: those of the service, asked for at the first request, when all of them are there.
    """

    def __init__(self, registry: CollectorRegistry, routes: Callable[[], Iterable[Template]]) -> None:
        self._routes = routes
        self._requests = Counter(
            "mlplatform_http_requests",
            "Requests answered, by route, method and class of status.",
            ["route", "method", "code"],
            registry=registry,
        )
        self._duration = Histogram(
            "mlplatform_http_request_duration_seconds",
            "Time from the request's first byte to the answer's last, by route and method.",
            ["route", "method"],
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "mlplatform_http_requests_in_flight", "Requests being answered, by route.", ["route"], registry=registry
        )
        self._templates: list[tuple[re.Pattern[str], str, frozenset[str]]] = []

    def _expect(self) -> None:
        """Begin at zero for every route and method that there is."""
        routes = [*self._routes(), (re.compile(""), UNMATCHED, ["GET", "POST"])]
        methods_of: dict[str, set[str]] = {}  # a path with several methods has several routes
        for _, route, methods in routes:
            methods_of.setdefault(route, set()).update(methods)
        for pattern, route, _ in routes:
            known = frozenset(methods_of[route])
            self._templates.append((pattern, route, known))
            self._in_flight.labels(route)
            for method in (*known, OTHER):
                self._duration.labels(route, method)
                for code in _CODES:
                    self._requests.labels(route, method, code)

    @contextmanager
    def request(self, path: str, method: str) -> Iterator["Outcome"]:
        """Count what happens within; the outcome is to be told its status."""
        if not self._templates:
            self._expect()
        route, known = next((name, methods) for pattern, name, methods in self._templates if pattern.match(path))
        method = method if method in known else OTHER
        outcome, started = Outcome(), perf_counter()
        in_flight = self._in_flight.labels(route)
        in_flight.inc()
        try:
            yield outcome
            outcome.status = outcome.status or _LEFT  # nobody was there to be answered
        except CancelledError:
            outcome.status = outcome.status or _LEFT
            raise
        finally:
            status = outcome.status or _BUG
            in_flight.dec()
            self._duration.labels(route, method).observe(perf_counter() - started)
            self._requests.labels(route, method, f"{status // 100}xx").inc()


class Outcome:
    """The status that a request was answered with; none before it was."""

    status: int | None = None
