"""The predict endpoint: a plain ASGI callable, because it is the hot path."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter

import orjson
import structlog
import uuid_utils
from starlette.types import Message, Receive, Scope, Send

from mlplatform.errors import MethodNotAllowed, ModelNotReady, Overloaded, PlatformError
from mlplatform.runtime import Slot
from mlplatform.serving.body import ClientDisconnected, read_body, until_disconnect
from mlplatform.serving.bulk import BulkLane
from mlplatform.serving.formats import Format
from mlplatform.serving.negotiation import Negotiation
from mlplatform.serving.prediction import Prediction, predict
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.metrics import PredictorMetrics
from mlplatform.web.problem import STATUSES, problem
from mlplatform.web.request_id import HEADER, accepted

# About a hundred rows of JSON: longer bodies take the bulk lane.
_BULK_BYTES = 16 * 1024
_JSON = "application/json"
_OUTCOMES: Mapping[type[PlatformError], str] = {ModelNotReady: "not_ready", Overloaded: "shed"}

_log = structlog.get_logger(__name__)


class PredictEndpoint:
    """POST rows, get predictions; waits for nothing but the body and the session."""

    def __init__(
        self,
        *,
        formats: Mapping[str, Format],
        slot: Slot,
        bulk: BulkLane,
        metrics: PredictorMetrics,
        settings: PredictorSettings,
    ) -> None:
        self._negotiation = Negotiation(formats)
        self._slot = slot
        self._bulk = bulk
        self._metrics = metrics
        self._max_body_bytes = settings.max_body_bytes
        self._max_in_flight = settings.max_in_flight
        self._in_flight = 0
        metrics.watch_in_flight(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        prediction_id = str(uuid_utils.uuid7())
        headers = dict(scope["headers"])
        request_id = accepted(headers.get(HEADER)) or prediction_id.encode()
        self._in_flight += 1
        try:
            await self._answer(scope, receive, send, headers, request_id, prediction_id)
            outcome = "ok"
        except ClientDisconnected:
            return
        except PlatformError as error:
            outcome = _OUTCOMES.get(type(error), "invalid")
            await _refuse(error, request_id, scope, receive, send)
        except Exception:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            outcome = "error"
            _log.exception("prediction failed", request_id=request_id.decode())
            await _refuse(None, request_id, scope, receive, send)
        finally:
            self._in_flight -= 1
        self._metrics.duration[outcome].observe(perf_counter() - started)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[bytes, bytes],
        request_id: bytes,
        prediction_id: str,
    ) -> None:
        if self._in_flight > self._max_in_flight:
            raise Overloaded("too many requests are in flight; come again")
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not answered here")
        asked, answered = self._negotiation.agree(
            headers.get(b"content-type", b""), headers.get(b"content-encoding", b""), headers.get(b"accept", b"")
        )
        body = await read_body(receive, headers.get(b"content-length"), self._max_body_bytes)
        # Every request that has arrived meanwhile is counted as in flight before this one is worked on.
        await asyncio.sleep(0)
        if len(body) > _BULK_BYTES:
            work = self._bulk.run(lambda: self._predict(body, asked, answered, prediction_id))
            prediction, content = await until_disconnect(receive, work)
        else:
            prediction, content = self._predict(body, asked, answered, prediction_id)
        await send(_start(prediction, answered.media_type, len(content), request_id))
        await send({"type": "http.response.body", "body": content})

    def _predict(self, body: bytes, asked: Format, answered: Format, prediction_id: str) -> tuple[Prediction, bytes]:
        live = self._slot.get()
        instances = asked.parse(body)
        prediction = predict(live, instances, prediction_id)
        content = answered.render(prediction)
        self._metrics.predicted(prediction.version, prediction.variant, len(instances))
        if prediction.warnings:
            self._metrics.warnings.inc(len(prediction.warnings))
        return prediction, content


def _start(prediction: Prediction, media_type: str, length: int, request_id: bytes) -> Message:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % length),
        (HEADER, request_id),
    ]
    if media_type != _JSON:  # whose body says it all
        headers += [
            (b"x-prediction-id", prediction.prediction_id.encode()),
            (b"x-model-version", prediction.version.encode()),
            (b"x-variant", prediction.variant.encode()),
            (b"x-warnings", orjson.dumps(prediction.warnings)),
        ]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def _refuse(error: PlatformError | None, request_id: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """A problem document; one of no error is about a bug."""
    status = STATUSES.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR) if error else HTTPStatus.INTERNAL_SERVER_ERROR
    response = problem(
        status,
        str(error or "an error that was not foreseen; it is in the log"),
        instance=scope["path"],
        request_id=request_id.decode(),
        headers={"Allow": "POST"} if isinstance(error, MethodNotAllowed) else None,
        **(error.members if error else {}),
    )
    response.headers["x-request-id"] = request_id.decode()
    await response(scope, receive, send)
