"""The predict endpoint as it runs: what it refuses is told to the log, which costs answers nothing."""

import logging
from time import monotonic
from typing import Any

import structlog

from mlplatform.errors import PlatformError
from mlplatform.serving.predict import Answer, PredictEndpoint, Request
from mlplatform.telemetry import trace_context

_SERVER_ERROR = 500
_PAUSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class ToldEndpoint(PredictEndpoint):
    """What is the client's mistake is told at level DEBUG. What is ours, at ERROR: of each kind one in a second, with
    how many were not told, for they come by the thousand.

    A bug is told by the endpoint itself, with its traceback. What is shed before it is read is counted, and in the
    gateway's log.
    """

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 # those of the endpoint
        super().__init__(**parts)
        self._silence = _Silence()

    def _refusal(self, request: Request, error: Exception) -> Answer:
        answer = super()._refusal(request, error)
        if isinstance(error, PlatformError):
            if answer.status < _SERVER_ERROR:
                if _is_debugged():
                    self._tell("debug", request, answer, error)
            elif (untold := self._silence.broken(type(error).__name__)) is not None:
                self._tell("error", request, answer, error, untold=untold)
        return answer

    def _tell(self, level: str, request: Request, answer: Answer, error: PlatformError, **more: int) -> None:
        live = request.live or self._slot.live
        getattr(_log, level)(
            "prediction refused",
            request_id=request.id.decode(),
            trace_id=trace_context.trace_id_of(request.headers.get(trace_context.HEADER)),
            version=live.version if live else None,
            status=int(answer.status),
            reason=type(error).__name__,
            **more,
        )


def _is_debugged() -> bool:
    """Asked first, for an event that nobody wants costs as much as one that is written."""
    return logging.getLogger(__name__).isEnabledFor(logging.DEBUG)


class _Silence:
    """When a kind of event was last told, and how many were not since."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def broken(self, kind: str) -> int | None:
        """How many were kept back, if this one is to be told."""
        now = monotonic()
        if now - self._told.get(kind, -_PAUSE_SECONDS) < _PAUSE_SECONDS:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return None
        self._told[kind] = now
        return self._untold.pop(kind, 0)
