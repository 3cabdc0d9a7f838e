"""Counts of the hot path: plain numbers of the event loop's thread, made metrics of when Prometheus asks.

A counter of the client library takes a lock for every step, which would cost a prediction as much as validating it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class _Durations:
    """Durations by the least bound that holds them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0


class PredictTally(Collector):
    """Requests by outcome and duration, rows by version, warnings; of one model."""

    def __init__(self, model: str, outcomes: Sequence[str], bounds: Sequence[float]) -> None:
        self._model = model
        self._bounds = bounds
        self._names = [*map(str, map(float, bounds)), "+Inf"]
        self._durations = {outcome: _Durations(bounds) for outcome in outcomes}
        self._rows: dict[tuple[str, str], int] = defaultdict(int)
        self._warnings = 0

    def answered(self, outcome: str, seconds: float) -> None:
        """A request was answered."""
        durations = self._durations[outcome]
        durations.counts[bisect_left(self._bounds, seconds)] += 1
        durations.sum += seconds

    def predicted(self, version: str, variant: str, rows: int, warnings: int) -> None:
        """Rows were predicted by a version, with so many warnings."""
        self._rows[version, variant] += rows
        self._warnings += warnings

    def collect(self) -> Iterable[Metric]:
        durations = HistogramMetricFamily(
            "mlplatform_predict_request_duration_seconds",
            "Time to answer a predict request, by outcome; its count is the number of requests.",
            labels=["model", "outcome"],
        )
        for outcome, seen in self._durations.items():
            buckets = zip(self._names, accumulate(seen.counts), strict=True)
            durations.add_metric([self._model, outcome], list(buckets), seen.sum)
        rows = CounterMetricFamily(
            "mlplatform_predictions",
            "Rows predicted, by the version that answered.",
            labels=["model", "version", "variant"],
        )
        for (version, variant), count in list(self._rows.items()):
            rows.add_metric([self._model, version, variant], count)
        warnings = CounterMetricFamily(
            "mlplatform_prediction_warnings", "Features outside what the version saw in training.", labels=["model"]
        )
        warnings.add_metric([self._model], self._warnings)
        return [durations, rows, warnings]
