"""The metrics of a process, on a registry that is passed in and exposed by its `/metrics`."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mlplatform.telemetry.tally import PredictTally

CONTENT_TYPE = CONTENT_TYPE_LATEST
Collectors = CollectorRegistry

# Bounds beside 50 ms, the latency that is promised, and down to what a prediction really takes.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


def process_registry() -> CollectorRegistry:
    """A registry with what the process says of itself: memory, CPU, descriptors, collections."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # it lacks annotations
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PLATFORM_COLLECTOR)
    registry.register(GC_COLLECTOR)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus's text format."""
    return generate_latest(registry)


class CountsCollector(Collector):
    """Gauges that are counted when Prometheus asks, such as rows by state.

    Args:
        name: the metric's name.
        documentation: its help text.
        labels: the names of the labels.
        read: gives the count of each tuple of label values.
    """

    def __init__(
        self, name: str, documentation: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], int]]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Named without reading, so that a collector can be registered before what it reads is there."""
        return [GaugeMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, count in self._read().items():
            family.add_metric(values, count)
        return [family]


class HttpMetrics:
    """Requests of a service by route template, method and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "mlplatform_http_request_duration_seconds",
            "Time from the request's first byte to the answer's last, by route.",
            ["route", "method", "status"],
            buckets=SECONDS,
            registry=registry,
        )


class PredictorMetrics:
    """What one predictor counts. Every label set that is known from the start begins at zero."""

    OUTCOMES = ("ok", "invalid", "not_ready", "shed", "error")

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self.tally = PredictTally(model, self.OUTCOMES, SECONDS)
        registry.register(self.tally)
        self._version_info = Gauge(
            "mlplatform_model_version_info",
            "1 for the version that serves.",
            ["model", "version"],
            registry=registry,
        )
        reloads = Counter(
            "mlplatform_model_reload_total",
            "Versions taken up or refused.",
            ["model", "outcome"],
            registry=registry,
        )
        self._reloads = {outcome: reloads.labels(model, outcome) for outcome in ("loaded", "refused")}
        self.registry_reachable = Gauge(
            "mlplatform_registry_reachable",
            "1 when the last poll of the model registry was answered.",
            ["model"],
            registry=registry,
        ).labels(model)
        self._in_flight = Gauge(
            "mlplatform_predict_in_flight", "Predict requests being answered.", ["model"], registry=registry
        ).labels(model)
        self._model = model

    def watch_in_flight(self, read: Callable[[], float]) -> None:
        """Where to look up how many requests are in flight, when Prometheus asks."""
        self._in_flight.set_function(read)

    def loaded(self, version: str) -> None:
        """A version was taken up."""
        self._version_info.clear()
        self._version_info.labels(self._model, version).set(1)
        self._reloads["loaded"].inc()

    def refused(self) -> None:
        """A version was refused."""
        self._reloads["refused"].inc()
