"""The metrics of a process, on a registry that is passed in and exposed by its `/metrics`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

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


@dataclass(frozen=True)
class Figure:
    """A metric that is read somewhere when Prometheus asks, such as rows by state.

    Args:
        name: without the `_total` of a counter.
        documentation: its help text.
        labels: the names of the labels.
        is_counter: it only grows, but for restarts of what it is read from.
    """

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    is_counter: bool = False

    def family(self) -> CounterMetricFamily | GaugeMetricFamily:
        """Without samples yet."""
        kind = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        return kind(self.name, self.documentation, labels=self.labels)


Readings = Mapping[Figure, Mapping[tuple[str, ...], float]]
"""The value of each tuple of label values. A figure that is missing could not be read."""


class ReadingsCollector(Collector):
    """Figures that are read together; described without reading, so that what is read need not be there yet."""

    def __init__(self, figures: Sequence[Figure], read: Callable[[], Readings]) -> None:
        self._figures = figures
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [figure.family() for figure in self._figures]

    def collect(self) -> Iterable[Metric]:
        for figure, values in self._read().items():
            family = figure.family()
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
