"""Counts of the hot path: plain numbers of the event loop's thread, made metrics of when Prometheus asks.

A counter of the client library takes a lock for every step, which would cost a prediction as much as validating it.
"""

from bisect import bisect_left
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
    """Requests of one model by outcome and duration, and why those were refused that were.

    Args:
        model: the model's short name.
        outcomes: what can become of a request.
        reasons: for which one can be refused, each with the outcome that says so already, if one does.
        bounds: of the durations, in seconds.
    """

    def __init__(
        self, model: str, outcomes: Sequence[str], reasons: dict[str, str | None], bounds: Sequence[float]
    ) -> None:
        self._model = model
        self._bounds = bounds
        self._names = [*map(str, map(float, bounds)), "+Inf"]
        self._durations = {outcome: _Durations(bounds) for outcome in outcomes}
        self._outcome_of = reasons
        self._rejections = dict.fromkeys(reasons, 0)

    def answered(self, outcome: str, seconds: float) -> None:
        """A request was answered."""
        durations = self._durations[outcome]
        durations.counts[bisect_left(self._bounds, seconds)] += 1
        durations.sum += seconds

    def rejected(self, reason: str) -> None:
        """A request was refused for a reason that its outcome does not tell."""
        self._rejections[reason] += 1

    def collect(self) -> Iterable[Metric]:
        durations = HistogramMetricFamily(
            "mlplatform_predict_request_duration_seconds",
            "Time to answer a predict request, by outcome; its count is the number of requests.",
            labels=["model", "outcome"],
        )
        for outcome, seen in self._durations.items():
            buckets = zip(self._names, accumulate(seen.counts), strict=True)
            durations.add_metric([self._model, outcome], list(buckets), seen.sum)
        rejections = CounterMetricFamily(
            "mlplatform_predict_rejections", "Predict requests refused, by reason.", labels=["model", "reason"]
        )
        for reason, same in self._outcome_of.items():
            count = sum(self._durations[same].counts) if same else self._rejections[reason]
            rejections.add_metric([self._model, reason], count)
        return [durations, rejections]
