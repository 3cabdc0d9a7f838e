"""Metrics of the comparison of champion and challenger on the same rows. Written by the shadow's thread."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

_DIFFERENCES = (1e-6, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_SECONDS = (-0.1, -0.01, -0.001, -0.0001, 0.0, 0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)


class ShadowMetrics(Collector):
    """What one predictor counts of its shadows. `dropped` is a plain number, as the event loop's thread counts it."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self.dropped = 0
        self._model = model
        compared = Counter(
            "mlplatform_shadow_requests_total",
            "Copies of requests that the challenger was given, by what became of them.",
            ["model", "outcome"],
            registry=registry,
        )
        self._compared, self._failed = compared.labels(model, "compared"), compared.labels(model, "failed")
        self._rows = Counter(
            "mlplatform_shadow_rows_total", "Rows that both answered.", ["model"], registry=registry
        ).labels(model)
        self._disagreements = Counter(
            "mlplatform_shadow_disagreements_total",
            "Rows with another label, or another number, than the champion's.",
            ["model"],
            registry=registry,
        ).labels(model)
        self._differences = Histogram(
            "mlplatform_shadow_difference",
            "How far apart two answers are: numbers relative to the champion's, labels by their probabilities.",
            ["model"],
            buckets=_DIFFERENCES,
            registry=registry,
        ).labels(model)
        self._seconds = Histogram(
            "mlplatform_shadow_latency_difference_seconds",
            "How much longer than the champion the challenger takes for the same rows.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        ).labels(model)
        registry.register(self)

    def compared(self, seconds_longer: float) -> None:
        """A copy was answered by both."""
        self._compared.inc()
        self._seconds.observe(seconds_longer)

    def failed(self) -> None:
        """The challenger could not answer a copy."""
        self._failed.inc()

    def rows(self, differences: Sequence[float], *, disagreements: int) -> None:
        """How far apart the answers to the rows of a copy are, and how many disagree."""
        self._rows.inc(len(differences))
        self._disagreements.inc(disagreements)
        for difference in differences:
            self._differences.observe(difference)

    def collect(self) -> Iterable[Metric]:
        dropped = CounterMetricFamily(
            "mlplatform_shadow_dropped", "Copies for which there was no room.", labels=["model"]
        )
        dropped.add_metric([self._model], self.dropped)
        return [dropped]
