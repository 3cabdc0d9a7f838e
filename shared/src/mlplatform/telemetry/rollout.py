"""Metrics of versions, their loading and the split between them. Every label set is known from the start."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from mlplatform.telemetry.metrics import Figure, ReadingsCollector

ROLES = ("champion", "challenger", "previous")
FALLBACKS = ("failed", "not_loaded")

_REPAIRS = Figure(
    "mlplatform_cache_repairs", "Corrupt entries of the cache that were dropped.", ("model",), is_counter=True
)


class RolloutMetrics:
    """What one predictor says of its versions. A version number is a value, never a label; 0 stands for none."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        fallbacks = Counter(
            "mlplatform_challenger_fallback_total",
            "Requests of the challenger's share that the champion answered.",
            ["model", "reason"],
            registry=registry,
        )
        self._registry, self._model = registry, model
        self._fallbacks = {reason: fallbacks.labels(model, reason) for reason in FALLBACKS}
        self._desired = _by_role(registry, model, "desired", "The version that the registry wants in a role.")
        self._actual = _by_role(registry, model, "actual", "The version that this replica has in a role.")

        def gauge(name: str, documentation: str) -> Gauge:
            return Gauge(name, documentation, ["model"], registry=registry).labels(model)

        self._bad = gauge("mlplatform_model_bad_versions", "Versions that are known to be bad.")
        self._loaded = gauge("mlplatform_model_loaded_versions", "Versions in memory.")
        self._loaded_bytes = gauge("mlplatform_model_loaded_bytes", "Bytes of the ONNX files of versions in memory.")
        self.hears_events = gauge("mlplatform_events_connected", "1 while changes of the registry are heard at once.")
        self.challenger_share = gauge("mlplatform_challenger_share", "The challenger's share of all requests, 0 to 1.")

    def watch(
        self,
        *,
        bad: Callable[[], int],
        loaded: Callable[[], int],
        loaded_bytes: Callable[[], int],
        repairs: Callable[[], int],
    ) -> None:
        """Where to look these up when Prometheus asks."""
        self._bad.set_function(bad)
        self._loaded.set_function(loaded)
        self._loaded_bytes.set_function(loaded_bytes)
        self._registry.register(ReadingsCollector([_REPAIRS], lambda: {_REPAIRS: {(self._model,): repairs()}}))

    def fell_back(self, reason: str) -> None:
        """The champion answered in the challenger's place."""
        self._fallbacks[reason].inc()

    def roles(self, desired: Mapping[str, str], actual: Mapping[str, str]) -> None:
        """Which version has which role."""
        for role in ROLES:
            self._desired[role].set(float(desired.get(role, 0)))
            self._actual[role].set(float(actual.get(role, 0)))


def _by_role(registry: CollectorRegistry, model: str, name: str, documentation: str) -> Mapping[str, Gauge]:
    gauge = Gauge(f"mlplatform_model_{name}_version", documentation, ["model", "role"], registry=registry)
    return {role: gauge.labels(model, role) for role in ROLES}
