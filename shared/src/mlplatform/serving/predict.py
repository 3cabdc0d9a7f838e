"""The predict endpoint: a plain ASGI callable, because it is the hot path."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from itertools import groupby
from time import perf_counter
from typing import Any, NamedTuple

import orjson
import structlog
import uuid_utils
from starlette.types import Receive, Scope, Send

from mlplatform.errors import (
    BodyTooLarge,
    ContractViolation,
    MalformedBody,
    MethodNotAllowed,
    ModelNotReady,
    ModelVersionNotFound,
    NotAcceptable,
    Overloaded,
    PlatformError,
    RegistryUnavailable,
    UnsupportedMediaType,
    VersionRefused,
)
from mlplatform.runtime import LiveModel, Slot
from mlplatform.serving.admission import Admission, overloaded
from mlplatform.serving.body import ClientDisconnected, read_body
from mlplatform.serving.bulk import BulkLane
from mlplatform.serving.formats import Format
from mlplatform.serving.instances import OneRow
from mlplatform.serving.negotiation import Negotiation
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.routing import PIN, Router
from mlplatform.telemetry import trace_context
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.web.problem import MEDIA_TYPE, RETRY_AFTER_SECONDS, STATUSES, problem_body
from mlplatform.web.request_id import HEADER, accepted

SHORT_BYTES = 4 * 1024
"""About twenty rows of JSON: longer bodies take the bulk lane, so that the event loop is free to refuse in time."""

CLIENT = b"x-client-id"

Headers = list[tuple[bytes, bytes]]
Rendered = tuple[Prediction, bytes]
Watch = Callable[["asyncio.Future[Any]"], None]

_JSON = "application/json"
_JSON_BYTES = _JSON.encode()
_PROBLEM = MEDIA_TYPE.encode()
_RETRY = [(b"retry-after", RETRY_AFTER_SECONDS.encode())]
_OUTCOMES: Mapping[type[Exception], str] = {
    ModelNotReady: "not_ready",
    RegistryUnavailable: "not_ready",
    Overloaded: "shed",
}

_REASONS: Mapping[type[Exception], str] = {
    MalformedBody: "malformed_body",
    BodyTooLarge: "body_too_large",
    MethodNotAllowed: "method_not_allowed",
    UnsupportedMediaType: "unsupported_media_type",
    NotAcceptable: "not_acceptable",
    ContractViolation: "contract_violation",
    ModelVersionNotFound: "version_not_found",
    VersionRefused: "version_refused",
    ModelNotReady: "model_not_ready",
    RegistryUnavailable: "model_not_ready",
    Overloaded: "overloaded",
}

_log = structlog.get_logger(__name__)
_level = logging.getLogger(__name__)  # asked first: an event that nobody wants costs as much as one that is written


def reason_of(error: type[Exception]) -> str:
    """What a refusal is called in metrics and log."""
    return _REASONS.get(error, "other")


class Answer(NamedTuple):
    """A whole answer, ready to be sent; `more` are headers beyond those that every answer has."""

    status: int
    media_type: bytes
    request_id: bytes
    content: bytes
    more: Headers = []  # noqa: RUF012 # a default, never changed

    @property
    def headers(self) -> Headers:
        """All of them."""
        return [
            (b"content-type", self.media_type),
            (b"content-length", b"%d" % len(self.content)),
            (HEADER, self.request_id),
            *self.more,
        ]


class Request:
    """What is known of a request before its body is there; `live` is the model that is to answer, once it is chosen."""

    __slots__ = ("headers", "id", "live", "path", "prediction_id", "started")

    def __init__(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = perf_counter()
        self.path = path
        self.headers = dict(headers)
        self.prediction_id = str(uuid_utils.uuid7())
        self.id = accepted(self.headers.get(HEADER)) or self.prediction_id.encode()
        self.live: LiveModel | None = None


class Waiting(NamedTuple):
    """A request with one row, read and found good, and the model that was live then."""

    request: Request
    answered: Format
    live: LiveModel
    row: OneRow


def _nobody(_working: "asyncio.Future[Any]") -> None:
    """Watch over nothing: the work is done whether the client stays or not."""


class PredictEndpoint:
    """POST rows, get predictions; waits for nothing but the body and the session."""

    def __init__(
        self,
        *,
        formats: Mapping[str, Format],
        slot: Slot,
        router: Router,
        bulk: BulkLane,
        metrics: PredictorMetrics,
        admission: Admission,
        max_body_bytes: int,
    ) -> None:
        self._negotiation = Negotiation(formats)
        self._slot = slot
        self._router = router
        self._bulk = bulk
        self._tally = metrics.tally
        self._note = metrics.answers.note
        self._failed = metrics.answers.failed
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        metrics.watch_in_flight(lambda: float(admission.in_flight))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.arrived()
        await self.admitted(scope, receive, send)

    def arrived(self) -> None:
        """Count a request that `admitted` will be called with."""
        self._admission.in_flight += 1

    async def admitted(self, scope: Scope, receive: Receive, send: Send, watch: Watch = _nobody) -> None:
        """The same for a server that counts a request as it arrives, before it is its turn; with `watch` it takes work
        that it cancels when the client has left.
        """
        request = Request(scope["path"], scope["headers"])
        try:
            _check_method(scope["method"])
            answer = await self._answer(request, receive, watch)
        except (ClientDisconnected, asyncio.CancelledError) as end:
            self.left(perf_counter() - request.started)
            if isinstance(end, asyncio.CancelledError):
                raise
            return
        except Exception as error:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            answer = self._refusal(request, error)
        finally:
            self._admission.in_flight -= 1
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.content})

    def left(self, seconds: float) -> None:
        """Count a request whose client did not stay for the answer."""
        self._tally.answered("disconnected", seconds)

    def refusal_at_once(self, path: str, headers: Headers) -> Answer | None:
        """The answer to a POST that comes when too many are in flight; none when there is room for it."""
        if not self._admission.is_full():
            return None
        request = Request(path, headers)
        before, after = _overloaded_content(path)
        content = b"%b%b%b" % (before, request.id, after)
        self._shed(request)
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, _PROBLEM, request.id, content, _RETRY)

    def at_once(self, path: str, headers: Headers, body: bytes) -> Answer | Waiting | None:
        """The answer to a POST for which there was room, with a body of at most `SHORT_BYTES`; or a place for its row
        among those that `together` answers; none when it has to wait for a version to be loaded.
        """
        request = Request(path, headers)
        try:
            asked, answered = self._agree(request)
            live = request.live = self._choose(request)
            if live is None:
                return None
            instances = asked.parse(body)
            if isinstance(instances, OneRow):
                return Waiting(request, answered, live, instances)
            prediction = self._router.predict(live, instances, request.prediction_id)
            return self._prediction(request, answered, prediction, answered.render(prediction))
        except Exception as error:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            return self._refusal(request, error)

    def together(self, waiting: Sequence[Waiting]) -> list[Answer]:
        """The answers to up to `FEW` rows, in their order, by one run of each model that they wait for."""
        answers: list[Answer] = []
        for _, group in groupby(waiting, lambda each: id(each.live)):
            answers += self._of_one_model([*group])
        return answers

    def _of_one_model(self, waiting: Sequence[Waiting]) -> list[Answer]:
        try:
            rows, prediction_ids = [each.row for each in waiting], [each.request.prediction_id for each in waiting]
            predictions = self._router.predict_few(waiting[0].live, rows, prediction_ids)
        except Exception as error:  # noqa: BLE001 # a bug must cost one request, counted, not the connection
            if len(waiting) == 1:
                return [self._refusal(waiting[0].request, error)]
            return [answer for each in waiting for answer in self._of_one_model([each])]  # it may be the fault of one
        return [*map(self._rendered, waiting, predictions)]

    def _rendered(self, waiting: Waiting, prediction: Prediction) -> Answer:
        try:
            return self._prediction(waiting.request, waiting.answered, prediction, waiting.answered.render(prediction))
        except Exception as error:  # noqa: BLE001 # as above
            return self._refusal(waiting.request, error)

    async def _answer(self, request: Request, receive: Receive, watch: Watch) -> Answer:
        self._admission.check()
        asked, answered = self._agree(request)
        live = self._choose(request) or await self._router.bring(request.headers, request.id)
        request.live = live
        body = await read_body(receive, request.headers.get(b"content-length"), self._max_body_bytes)

        def work() -> Rendered:
            prediction = self._router.predict(live, asked.parse(body), request.prediction_id)
            return prediction, answered.render(prediction)

        done = work() if len(body) <= SHORT_BYTES else await self._in_its_lane(work, watch)
        return self._prediction(request, answered, *done)

    async def _in_its_lane(self, work: Callable[[], Rendered], watch: Watch) -> Rendered:
        working = self._bulk.run(work)
        watch(working)
        try:
            return await working
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise ClientDisconnected from None

    def _choose(self, request: Request) -> LiveModel | None:
        if self._slot.split is None and PIN not in request.headers:
            return self._slot.get()
        return self._router.choose(request.headers, request.id)

    def _agree(self, request: Request) -> tuple[Format, Format]:
        header = request.headers.get
        return self._negotiation.agree(
            header(b"content-type", b""), header(b"content-encoding", b""), header(b"accept", b"")
        )

    def _prediction(self, request: Request, answered: Format, prediction: Prediction, content: bytes) -> Answer:
        self._note(
            prediction.version,
            prediction.variant,
            prediction.values,
            prediction.probabilities,
            prediction.warnings,
            request.headers.get(CLIENT),
        )
        seconds = perf_counter() - request.started
        self._tally.answered("ok", seconds)
        if _level.isEnabledFor(logging.DEBUG):
            _tell(request, prediction, seconds)
        if answered.media_type == _JSON:  # whose body says it all
            return Answer(HTTPStatus.OK, _JSON_BYTES, request.id, content)
        more = [
            (b"x-prediction-id", prediction.prediction_id.encode()),
            (b"x-model-version", prediction.version.encode()),
            (b"x-variant", prediction.variant.encode()),
            (b"x-warnings", orjson.dumps(prediction.warnings)),
        ]
        return Answer(HTTPStatus.OK, answered.media_type.encode(), request.id, content, more)

    def _shed(self, request: Request) -> None:
        self._tally.answered("shed", perf_counter() - request.started)

    def _refusal(self, request: Request, error: Exception) -> Answer:
        if isinstance(error, PlatformError):
            outcome = _OUTCOMES.get(type(error), "invalid")
            self._tally.rejected(reason_of(type(error)))
        else:
            outcome = "error"
            if request.live:
                self._failed(request.live.version, request.live.variant)
        self._tally.answered(outcome, perf_counter() - request.started)
        return _problem(request, error)


def _tell(request: Request, prediction: Prediction, seconds: float) -> None:
    """What became of a request, never what was in it."""
    _log.debug(
        "prediction",
        request_id=request.id.decode(),
        trace_id=trace_context.trace_id_of(request.headers.get(trace_context.HEADER)),
        version=prediction.version,
        variant=prediction.variant,
        status=int(HTTPStatus.OK),
        rows=len(prediction.values),
        seconds=round(seconds, 6),
    )


def _check_method(method: str) -> None:
    if method != "POST":
        raise MethodNotAllowed(f"{method} is not answered here")


def _problem(request: Request, error: Exception) -> Answer:
    """A problem document, which tells nothing of a bug but that it is one."""
    if isinstance(error, PlatformError):
        status, detail, members = STATUSES[type(error)], str(error), error.members
    else:
        status, detail, members = (
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "an error that was not foreseen; it is in the log",
            {},
        )
    content = problem_body(status, detail, instance=request.path, request_id=request.id.decode(), members=members)
    more: Headers = []
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        more = _RETRY
    if isinstance(error, MethodNotAllowed):
        more = [(b"allow", b"POST")]
    return Answer(status, _PROBLEM, request.id, content, more)


@cache
def _overloaded_content(path: str) -> tuple[bytes, bytes]:
    """The problem document of every refused request, before and after its id: they come by the thousand."""
    gap = str(uuid_utils.uuid7())
    content = problem_body(STATUSES[Overloaded], str(overloaded()), instance=path, request_id=gap)
    before, after = content.split(gap.encode())
    return before, after
