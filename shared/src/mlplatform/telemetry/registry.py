"""Calls of the model registry, as whoever makes them sees them: MLflow itself exposes nothing that would tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

ARTIFACTS = "artifacts"
OTHER = "other"
CALLS = (
    "registered-models/get",
    "registered-models/alias",
    "registered-models/set-tag",
    "registered-models/delete-tag",
    "model-versions/get",
    "model-versions/get-download-uri",
    "model-versions/search",
    "runs/get",
    ARTIFACTS,
    OTHER,
)
"""Those of MLflow's REST API that the platform makes."""

_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/"
_UNANSWERED = "none"
_CODES = ("2xx", "3xx", "4xx", "5xx", _UNANSWERED)
_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Answered:
    """The status that a call was answered with; none if it was not."""

    status: int | None = None


class RegistryMetrics:
    """What one process counts of its calls, from the moment that it exposes them."""

    def __init__(self) -> None:
        self._calls = Counter(
            "mlplatform_registry_requests",
            "Calls of the model registry, by class of status; none for those without an answer.",
            ["call", "code"],
            registry=None,
        )
        self._seconds = Histogram(
            "mlplatform_registry_request_duration_seconds",
            "Time until the answer to a call of the model registry begins, or does not come.",
            ["call"],
            buckets=_SECONDS,
            registry=None,
        )
        for call in CALLS:
            self._seconds.labels(call)
            for code in _CODES:
                self._calls.labels(call, code)

    def expose(self, registry: CollectorRegistry) -> None:
        """Show them with the other metrics of the process."""
        registry.register(self._calls)
        registry.register(self._seconds)

    @contextmanager
    def call(self, path: str) -> Iterator[Answered]:
        """Count what happens within; the status is to be told."""
        answered, began, call = Answered(), perf_counter(), _call_of(path)
        try:
            yield answered
        finally:
            self._seconds.labels(call).observe(perf_counter() - began)
            code = f"{answered.status // 100}xx" if answered.status else _UNANSWERED
            self._calls.labels(call, code).inc()


def _call_of(path: str) -> str:
    if path.startswith(_FILES):
        return ARTIFACTS
    call = path.removeprefix(_API)
    return call if call in CALLS else OTHER
