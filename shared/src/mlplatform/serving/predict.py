"""The predict endpoint: a plain ASGI callable, because it is the hot path."""

import asyncio
from time import perf_counter
from typing import cast

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody, ModelNotReady
from mlplatform.registry import CHAMPION
from mlplatform.runtime import Slot
from mlplatform.serving.answer import Answerer
from mlplatform.serving.body import BodyParser, ClientDisconnected, read_body
from mlplatform.telemetry.metrics import PredictorMetrics
from mlplatform.web.problem import STATUSES, problem

# About a hundred rows: longer bodies are answered in a thread, so that nobody waits behind them.
_OFFLOAD_BYTES = 16 * 1024

_log = structlog.get_logger(__name__)


class PredictEndpoint:
    """POST an object of features or `{"instances": [...]}`; waits for nothing but the body and the session."""

    def __init__(
        self,
        *,
        parser: BodyParser,
        answerer: Answerer,
        slot: Slot,
        metrics: PredictorMetrics,
        max_body_bytes: int,
    ) -> None:
        self._parser = parser
        self._answerer = answerer
        self._slot = slot
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        try:
            response, outcome = await self._respond(scope, receive)
        except ClientDisconnected:
            return
        await response(scope, receive, send)
        self._metrics.requests[outcome].inc()
        self._metrics.duration.observe(perf_counter() - started)

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[Response, str]:
        if scope["method"] != "POST":
            return _problem(scope, 405, f"{scope['method']} is not answered here", headers={"Allow": "POST"}), "invalid"
        try:
            body = await read_body(receive, self._max_body_bytes)
            answer = await asyncio.to_thread(self._predict, body) if len(body) > _OFFLOAD_BYTES else self._predict(body)
        except (ContractViolation, MalformedBody, BodyTooLarge) as error:
            members = {"errors": error.errors} if isinstance(error, ContractViolation) else {}
            return _problem(scope, STATUSES[type(error)], str(error), **members), "invalid"
        except ModelNotReady as error:
            return _problem(scope, STATUSES[ModelNotReady], str(error)), "not_ready"
        except ClientDisconnected:
            raise
        except Exception:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            _log.exception("prediction failed")
            return _problem(scope, 500, "an error that was not foreseen; it is in the log"), "error"
        return Response(answer, media_type="application/json"), "ok"

    def _predict(self, body: bytes) -> bytes:
        live = self._slot.get()
        instances = self._parser.parse(body)
        answer, warnings = self._answerer.answer(live, instances)
        self._metrics.predicted(live.version, CHAMPION, len(instances.rows))
        self._metrics.warnings.inc(warnings)
        return answer


def _problem(scope: Scope, status: int, detail: str, **rest: object) -> Response:
    request_id = cast("str", scope["state"]["request_id"])
    return problem(status, detail, instance=scope["path"], request_id=request_id, **rest)  # type: ignore[arg-type]
