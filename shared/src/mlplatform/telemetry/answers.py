"""What was predicted, by version: rows, classes, values, confidence, warnings, and whom it was for.

Plain numbers of the event loop's thread, as in `tally`; rows that come by the hundred are counted by numpy.

A version that is unloaded is told of for a while, so that nobody misses its last numbers, and then no more: a predictor
that sees many promotions must not tell of all of them. Its numbers are added to no other series: one that jumps by what
was counted over weeks would look like as many predictions at that moment.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

OTHER = "other"
REMEMBERED_SECONDS = 600.0
CONFIDENCE = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

Values = Sequence[Any] | NDArray[Any]


class Distribution:
    """Numbers by the least bound that holds them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self._array = np.array(bounds, dtype=np.float64)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, number: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, number)] += 1
        self.sum += number

    def add_many(self, numbers: NDArray[np.float64]) -> None:
        """Count many."""
        places = self._array.searchsorted(numbers)
        added = np.bincount(places, minlength=len(self.counts)).tolist()
        self.counts = [before + more for before, more in zip(self.counts, added, strict=True)]
        self.sum += float(numbers.sum())

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """As Prometheus has it."""
        names = [*map(str, map(float, self.bounds)), "+Inf"]
        family.add_metric(labels, [*zip(names, accumulate(self.counts), strict=True)], self.sum)


class _OfVersion:
    """The sums of one version in one role; the distribution is of the confidence where there are labels."""

    def __init__(self, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.rows = 0
        self.failures = 0
        self.classes: Counter[str] = Counter(dict.fromkeys(labels, 0))
        self.distribution = Distribution(CONFIDENCE if labels else bounds)


class AnswerTally(Collector):
    """The predictions of one model.

    Args:
        model: the model's short name.
        labels: its classes; none for a regression.
        bounds: by which the values of a regression are counted.
        features: which warnings can be of.
        clients: those that are counted by name; all the others together are `other`.
        now: a clock in seconds.
    """

    def __init__(
        self,
        model: str,
        *,
        labels: Sequence[str],
        bounds: Sequence[float],
        features: Sequence[str],
        clients: Sequence[str],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._model = model
        self._labels, self._bounds = labels, bounds
        self._of_version: dict[tuple[str, str], _OfVersion] = {}
        self._warnings = dict.fromkeys(features, 0)
        self._names = {client.encode(): client for client in clients}
        self._clients = dict.fromkeys([*clients, OTHER], 0)
        self._now = now
        self._loaded: Callable[[], Collection[str]] | None = None
        self._unloaded_at: dict[str, float] = {}

    def watch_loaded(self, read: Callable[[], Collection[str]]) -> None:
        """Where to look up which versions are loaded, when Prometheus asks: those that are not are told of no more."""
        self._loaded = read

    def expect(self, version: str, variant: str) -> _OfVersion:
        """Begin at zero for a version that is about to serve."""
        self._unloaded_at.pop(version, None)
        return self._of_version.setdefault((version, variant), _OfVersion(self._labels, self._bounds))

    def note(
        self,
        version: str,
        variant: str,
        values: Values,
        probabilities: Values | None,
        warnings: Sequence[Mapping[str, Any]],
        client: bytes | None,
    ) -> None:
        """A request was answered."""
        sums = self._of_version.get((version, variant)) or self.expect(version, variant)
        rows = len(values)
        sums.rows += rows
        self._clients[self._names.get(client, OTHER) if client else OTHER] += rows
        if rows > 1:
            sums.distribution.add_many(np.asarray(values if probabilities is None else np.max(probabilities, axis=1)))
            if self._labels:
                sums.classes.update(np.asarray(values).tolist())
        elif probabilities is None:
            sums.distribution.add(values[0])
        else:
            sums.classes[values[0]] += 1
            sums.distribution.add(max(probabilities[0]))
        for warning in warnings:
            self._warnings[warning["field"]] += 1

    def failed(self, version: str, variant: str) -> None:
        """A request met a bug with the version that was to answer."""
        self.expect(version, variant).failures += 1

    def _forget_unloaded(self, loaded: Collection[str]) -> None:
        """Those that have been seen unloaded for long enough."""
        now, counted = self._now(), {version for version, _ in list(self._of_version)}
        self._unloaded_at = {
            version: self._unloaded_at.get(version, now) for version in counted if version not in loaded
        }
        for key in list(self._of_version):
            if now - self._unloaded_at.get(key[0], now) >= REMEMBERED_SECONDS:
                self._of_version.pop(key, None)  # unless another look was quicker

    def collect(self) -> Iterable[Metric]:
        if self._loaded:
            self._forget_unloaded(self._loaded())
        version = ["model", "version", "variant"]
        rows = CounterMetricFamily(
            "mlplatform_predictions", "Rows predicted, by the version that answered.", labels=version
        )
        failures = CounterMetricFamily(
            "mlplatform_prediction_failures",
            "Requests that met a bug, by the version that was to answer.",
            labels=version,
        )
        classes = CounterMetricFamily(
            "mlplatform_predicted_classes", "Rows predicted, by class.", labels=[*version, "class"]
        )
        confidence = HistogramMetricFamily(
            "mlplatform_prediction_confidence_ratio", "Probability of the class that was predicted.", labels=version
        )
        values = HistogramMetricFamily(
            "mlplatform_prediction_value", "What was predicted, in the unit of the model's contract.", labels=version
        )
        for key, sums in list(self._of_version.items()):
            labels = [self._model, *key]
            rows.add_metric(labels, sums.rows)
            failures.add_metric(labels, sums.failures)
            for name, count in sums.classes.items():
                classes.add_metric([*labels, name], count)
            sums.distribution.add_to(confidence if self._labels else values, labels)
        told = [classes, confidence] if self._labels else [values]
        return [rows, failures, *told, self._of_features(), self._of_clients()]

    def _of_features(self) -> Metric:
        warnings = CounterMetricFamily(
            "mlplatform_prediction_warnings",
            "Requests with values of a feature outside what the version saw in training.",
            labels=["model", "feature"],
        )
        for feature, count in self._warnings.items():
            warnings.add_metric([self._model, feature], count)
        return warnings

    def _of_clients(self) -> Metric:
        clients = CounterMetricFamily(
            "mlplatform_client_predictions", "Rows predicted, by client.", labels=["model", "client"]
        )
        for client, count in self._clients.items():
            clients.add_metric([self._model, client], count)
        return clients
