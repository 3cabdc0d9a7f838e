"""What one predictor counts. Every label set that is known from the start begins at zero."""

from collections.abc import Callable, Mapping, Sequence
from time import time

from prometheus_client import CollectorRegistry, Counter, Gauge

from mlplatform.telemetry.answers import AnswerTally
from mlplatform.telemetry.metrics import SECONDS
from mlplatform.telemetry.tally import PredictTally

OUTCOMES = ("ok", "invalid", "not_ready", "shed", "error", "disconnected")

REASONS: Mapping[str, str | None] = {
    "malformed_body": None,
    "body_too_large": None,
    "method_not_allowed": None,
    "unsupported_media_type": None,
    "not_acceptable": None,
    "contract_violation": None,
    "version_not_found": None,
    "version_refused": None,
    "other": None,
    "model_not_ready": "not_ready",
    "overloaded": "shed",
}
"""Why a request can be refused, and the outcome that says the same, if one does."""

REFUSALS = (
    "checksum",
    "size",
    "external_data",
    "unloadable",
    "crash",
    "timeout",
    "signature",
    "golden",
    "other",
)
"""Why a version can be refused."""

_CHAMPION = "champion"


class PredictorMetrics:
    """The metrics of a predictor.

    Args:
        registry: exposes them.
        model: the model's short name.
        labels: its classes; none for a regression.
        bounds: by which the values of a regression are counted.
        features: of one row.
        clients: those whose predictions are counted by name.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        model: str,
        *,
        labels: Sequence[str] = (),
        bounds: Sequence[float] = (),
        features: Sequence[str] = (),
        clients: Sequence[str] = (),
    ) -> None:
        self.tally = PredictTally(model, OUTCOMES, dict(REASONS), SECONDS)
        self.answers = AnswerTally(model, labels=labels, bounds=bounds, features=features, clients=clients)
        registry.register(self.tally)
        registry.register(self.answers)

        def gauge(name: str, documentation: str, *more: str) -> Gauge:
            return Gauge(f"mlplatform_{name}", documentation, ["model", *more], registry=registry)

        self._version = gauge("model_version_info", "1 for the version that serves.", "version")
        self._desired = gauge("model_desired_version_info", "1 for the version that should serve.", "version")
        self._loaded_at = gauge(
            "model_loaded_timestamp_seconds", "When the version that serves was taken up; 0 before the first."
        ).labels(model)
        self._answered_at = gauge(
            "registry_last_answer_timestamp_seconds", "When the model registry last answered; 0 before it ever did."
        ).labels(model)
        self._reachable = gauge(
            "registry_reachable", "1 when the last poll of the model registry was answered."
        ).labels(model)
        self._in_flight = gauge("predict_in_flight", "Predict requests being answered.").labels(model)
        reloads = Counter(
            "mlplatform_model_reload", "Versions taken up or refused.", ["model", "outcome"], registry=registry
        )
        self._reloads = {outcome: reloads.labels(model, outcome) for outcome in ("loaded", "refused")}
        refusals = Counter(
            "mlplatform_model_refusals", "Versions refused, by reason.", ["model", "reason"], registry=registry
        )
        self._refusals = {reason: refusals.labels(model, reason) for reason in REFUSALS}
        self._model = model

    def watch_in_flight(self, read: Callable[[], float]) -> None:
        """Where to look up how many requests are in flight, when Prometheus asks."""
        self._in_flight.set_function(read)

    def registry_answered(self) -> None:
        """The registry did."""
        self._reachable.set(1)
        self._answered_at.set(time())

    def registry_answered_before(self, moment: float) -> None:
        """It did before this process began, in seconds since 1970."""
        self._answered_at.set(moment)

    def registry_unavailable(self) -> None:
        """The registry did not answer."""
        self._reachable.set(0)

    def desired(self, version: str) -> None:
        """The registry says that this version should serve."""
        self._desired.clear()
        self._desired.labels(self._model, version).set(1)

    def loaded(self, version: str) -> None:
        """A version was taken up."""
        self.answers.expect(version, _CHAMPION)
        self._version.clear()
        self._version.labels(self._model, version).set(1)
        self._loaded_at.set(time())
        self._reloads["loaded"].inc()

    def refused(self, reason: str) -> None:
        """A version was refused."""
        self._reloads["refused"].inc()
        self._refusals[reason if reason in self._refusals else "other"].inc()
