"""The predict endpoint as it runs: what it refuses is told to the log, a few of a kind, however many there are."""

from typing import Any

import structlog

from mlplatform.errors import Overloaded, PlatformError
from mlplatform.serving.predict import Answer, PredictEndpoint, Request, reason_of
from mlplatform.serving.routing import PIN
from mlplatform.telemetry import trace_context
from mlplatform.telemetry.throttle import Throttle

_SERVER_ERROR = 500
_SHED = 503
_MOST_ASKED = 16  # of what should be a version's number

_log = structlog.get_logger(__name__)


class ToldEndpoint(PredictEndpoint):
    """What is the client's mistake is told at level INFO, what is ours at ERROR, a bug with its traceback. A kind that
    comes by the thousand is told a few times a minute, with how many were not.
    """

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 # those of the endpoint
        super().__init__(**parts)
        self._throttle = Throttle()

    def _refusal(self, request: Request, error: Exception) -> Answer:
        answer = super()._refusal(request, error)
        if isinstance(error, PlatformError):
            self._tell(request, answer.status, reason_of(type(error)))
        elif (untold := self._throttle.admit(_kind(request, error))) is not None:
            _log.error("prediction failed", **self._facts(request, answer.status), untold=untold, exc_info=error)
        return answer

    def _shed(self, request: Request) -> None:
        super()._shed(request)
        self._tell(request, _SHED, reason_of(Overloaded))

    def _tell(self, request: Request, status: int, reason: str) -> None:
        untold = self._throttle.admit(reason)
        if untold is not None:
            level = _log.error if status >= _SERVER_ERROR else _log.info
            level("prediction refused", **self._facts(request, status), reason=reason, untold=untold)

    def _facts(self, request: Request, status: int) -> dict[str, Any]:
        asked, live = request.headers.get(PIN), request.live or self._slot.live
        if request.live is None and asked is not None:
            version: str | None = asked[:_MOST_ASKED].decode("latin-1")
        else:
            version = live.version if live else None
        return {
            "request_id": request.id.decode(),
            "trace_id": trace_context.trace_id_of(request.headers.get(trace_context.HEADER)),
            "version": version,
            "variant": request.live.variant if request.live else None,
            "status": int(status),
        }


def _kind(request: Request, error: Exception) -> str:
    """One version's bug must not hide another's."""
    return f"{type(error).__name__} {request.live.version if request.live else ''}"
