"""The predict endpoint of a predictor that traces: a span for each answer, made when it is there."""

from time import perf_counter
from typing import Any

from mlplatform.serving.formats import Format
from mlplatform.serving.predict import Answer, Request
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.told import ToldEndpoint
from mlplatform.telemetry import trace_context
from mlplatform.telemetry.tracing import Tracing


class TracedEndpoint(ToldEndpoint):
    """Requests that are shed before they are read make no span."""

    def __init__(self, *, tracing: Tracing, **parts: Any) -> None:  # noqa: ANN401 # those of the endpoint
        super().__init__(**parts)
        self._tracing = tracing

    def _prediction(self, request: Request, answered: Format, prediction: Prediction, content: bytes) -> Answer:
        answer = super()._prediction(request, answered, prediction, content)
        facts: dict[str, str | int] = {
            "model.version": prediction.version,
            "model.variant": prediction.variant,
            "rows": len(prediction.values),
        }
        self._record(request, answer, facts)
        return answer

    def _refusal(self, request: Request, error: Exception) -> Answer:
        answer = super()._refusal(request, error)
        self._record(request, answer, {"error.type": type(error).__name__})
        return answer

    def _record(self, request: Request, answer: Answer, facts: dict[str, str | int]) -> None:
        self._tracing.record(
            "predict",
            trace_context.well_formed(request.headers.get(trace_context.HEADER)),
            perf_counter() - request.started,
            {**facts, "request_id": request.id.decode(), "http.response.status_code": int(answer.status)},
            has_failed=answer.status >= 500,  # noqa: PLR2004 # 5xx
        )
