"""The predict endpoint: a plain ASGI callable, because it is the hot path."""

from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter

import orjson
import structlog
import uuid_utils
from starlette.types import Message, Receive, Scope, Send

from mlplatform.errors import MethodNotAllowed, ModelNotReady, Overloaded, PlatformError
from mlplatform.runtime import Slot
from mlplatform.serving.admission import Admission
from mlplatform.serving.body import ClientDisconnected, read_body, until_disconnect
from mlplatform.serving.bulk import BulkLane
from mlplatform.serving.formats import Format
from mlplatform.serving.negotiation import Negotiation
from mlplatform.serving.prediction import Prediction, predict
from mlplatform.telemetry.metrics import PredictorMetrics
from mlplatform.web.problem import MEDIA_TYPE, RETRY_AFTER_SECONDS, STATUSES, problem_body
from mlplatform.web.request_id import HEADER, accepted

# About twenty rows of JSON: longer bodies take the bulk lane, so that the event loop is free to refuse in time.
_BULK_BYTES = 4 * 1024
_JSON = "application/json"
_PROBLEM = MEDIA_TYPE.encode()
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
        admission: Admission,
        max_body_bytes: int,
    ) -> None:
        self._negotiation = Negotiation(formats)
        self._slot = slot
        self._bulk = bulk
        self._tally = metrics.tally
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        metrics.watch_in_flight(lambda: float(admission.in_flight()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        prediction_id = str(uuid_utils.uuid7())
        headers = dict(scope["headers"])
        request_id = accepted(headers.get(HEADER)) or prediction_id.encode()
        self._admission.answering += 1
        try:
            await self._answer(scope, receive, send, headers, request_id, prediction_id)
            outcome = "ok"
        except ClientDisconnected:
            return
        except PlatformError as error:
            outcome = _OUTCOMES.get(type(error), "invalid")
            await _refuse(error, request_id, scope, send)
        except Exception:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            outcome = "error"
            _log.exception("prediction failed", request_id=request_id.decode())
            await _refuse(None, request_id, scope, send)
        finally:
            self._admission.answering -= 1
        self._tally.answered(outcome, perf_counter() - started)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[bytes, bytes],
        request_id: bytes,
        prediction_id: str,
    ) -> None:
        self._admission.check()
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not answered here")
        asked, answered = self._negotiation.agree(
            headers.get(b"content-type", b""), headers.get(b"content-encoding", b""), headers.get(b"accept", b"")
        )
        body = await read_body(receive, headers.get(b"content-length"), self._max_body_bytes)
        if len(body) > _BULK_BYTES:
            work = self._bulk.run(lambda: self._predict(body, asked, answered, prediction_id))
            prediction, content = await until_disconnect(receive, work)
        else:
            prediction, content = self._predict(body, asked, answered, prediction_id)
        self._tally.predicted(prediction.version, prediction.variant, len(prediction.values), len(prediction.warnings))
        await send(_start(prediction, answered.media_type, len(content), request_id))
        await send({"type": "http.response.body", "body": content})

    def _predict(self, body: bytes, asked: Format, answered: Format, prediction_id: str) -> tuple[Prediction, bytes]:
        live = self._slot.get()
        instances = asked.parse(body)
        prediction = predict(live, instances, prediction_id)
        content = answered.render(prediction)
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


async def _refuse(error: PlatformError | None, request_id: bytes, scope: Scope, send: Send) -> None:
    """A problem document; one of no error is about a bug."""
    status = STATUSES[type(error)] if error else HTTPStatus.INTERNAL_SERVER_ERROR
    content = problem_body(
        status,
        str(error or "an error that was not foreseen; it is in the log"),
        instance=scope["path"],
        request_id=request_id.decode(),
        members=error.members if error else {},
    )
    headers = [(b"content-type", _PROBLEM), (b"content-length", b"%d" % len(content)), (HEADER, request_id)]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", RETRY_AFTER_SECONDS.encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": content})
