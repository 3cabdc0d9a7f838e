"""Short requests answered within the turn of the event loop that brought them, in one write.

For an answer that has nothing to wait for, the task, the events and the two writes of an ASGI call cost as much as the
prediction. What is unusual in any way goes the usual way: through uvicorn's own protocol to an ASGI callable.
"""

import asyncio
from functools import partial
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mlplatform.serving.admission import Breather
from mlplatform.serving.predict import SHORT_BYTES, Answer, Headers, PredictEndpoint
from mlplatform.serving.turn import Turn
from mlplatform.web.request_id import HEADER


def answering_at_once(path: str, endpoint: PredictEndpoint) -> type[HttpToolsProtocol]:
    """A protocol for uvicorn that takes the requests of a path to its endpoint, and all others to the app."""
    members = {
        "path": path,
        "target": path.encode(),
        "endpoint": endpoint,
        "turn": Turn(endpoint.together),
        "breather": Breather(),
    }
    return type("PredictorProtocol", (_AtOnceProtocol,), members)


class _AtOnceProtocol(HttpToolsProtocol):
    path: ClassVar[str]
    target: ClassVar[bytes]
    endpoint: ClassVar[PredictEndpoint]
    turn: ClassVar[Turn]
    breather: ClassVar[Breather]

    _body: bytes | None = None  # of a request that is answered here, as far as it has come
    _refusal: Answer | None = None  # of that request: its body is read, but not kept
    _is_waiting = False  # for the end of the turn
    _is_last = False
    _last_read = 0.0
    _work: "asyncio.Future[Any] | None" = None  # of the bulk lane, for whoever is at the other end
    _default_headers: Headers | None = None
    _default_lines = b""

    def on_message_begin(self) -> None:
        # What else uvicorn does here is put off until an ASGI callable is known to need it.
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._end_turn()  # answers leave in the order of the requests
        if self._is_plain_post() and not self._awaits_asgi():
            self._body = b""
            self._refusal = self.endpoint.refusal_at_once(self.path, self.headers)
            if self._refusal is not None:
                self.breather.take(self.loop)
        else:
            self._begin_asgi()

    def on_body(self, body: bytes) -> None:
        if self._body is None:
            super().on_body(body)
            return
        if self._refusal is not None:
            return
        self._body += body
        if len(self._body) > SHORT_BYTES:
            so_far, self._body = self._body, None
            self._begin_asgi()
            super().on_body(so_far)

    def on_message_complete(self) -> None:
        if self._body is None:
            super().on_message_complete()
            return
        body, self._body = self._body, None
        if not self.parser.should_keep_alive() or self.parser.get_http_version() == "1.0":
            self._is_last = True
        answer = self._refusal or self.endpoint.at_once(self.path, self.headers, body)
        if answer is None:
            self._begin_asgi()
            super().on_body(body)
            super().on_message_complete()
        elif isinstance(answer, Answer):
            self._send(answer)
        else:
            self._is_waiting = True
            self.turn.add(answer, self._send, self.loop)

    def _send(self, answer: Answer) -> None:
        self._is_waiting = False
        if self.transport.is_closing():
            return
        self.transport.write(self._as_bytes(answer, closes=self._is_last))
        self.server_state.total_requests += 1
        if self._is_last:
            self.transport.close()
        elif self.timeout_keep_alive_task is None:
            self._watch_idleness(self.timeout_keep_alive)

    def _end_turn(self) -> None:
        if self._is_waiting:
            self.turn.end()

    def eof_received(self) -> None:
        self._end_turn()  # the client only sends no more
        super().eof_received()

    def _as_bytes(self, answer: Answer, *, closes: bool) -> bytes:
        status, media_type, request_id, content, more = answer
        if self._default_headers is not self.server_state.default_headers:  # they tell the time, so they change
            self._default_headers = self.server_state.default_headers
            self._default_lines = _lines(self._default_headers)
        last = _lines([*more, (b"connection", b"close")] if closes else more) if closes or more else b""
        return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n%b: %b\r\n%b\r\n%b" % (
            STATUS_LINE[status],
            self._default_lines,
            media_type,
            len(content),
            HEADER,
            request_id,
            last,
            content,
        )

    def shutdown(self) -> None:
        self._end_turn()
        if self._body is None:
            super().shutdown()
        else:
            self._is_last = True

    def _is_plain_post(self) -> bool:
        return (
            self.url == self.target
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
        )

    def _awaits_asgi(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first
        return cycle is not None and not cycle.response_complete

    def _begin_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 # uvicorn's own type
        if cycle.scope["path"] == self.path:
            self.endpoint.arrived()
            app = partial(self.endpoint.admitted, watch=self._watch_work)
        super()._start_asgi_task(cycle, app)

    # uvicorn makes and cancels a timer for each request; here one stays, and looks when the last bytes came.

    def _unset_keepalive_if_required(self) -> None:
        self._last_read = self.loop.time()

    def on_response_complete(self) -> None:
        self._forget_idleness()
        self._work = None
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        left = self._last_read + self.timeout_keep_alive - self.loop.time()
        if self._body is not None or self._awaits_asgi():
            self._watch_idleness(self.timeout_keep_alive)
        elif left > 0:
            self._watch_idleness(left)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget_idleness()
        if self._body is not None and self._refusal is None:  # the rest of it never came
            self.endpoint.left(self.loop.time() - self._last_read)
            self._body = None
        if self._work is not None:
            self._work.cancel()

    def _watch_work(self, work: "asyncio.Future[Any]") -> None:
        self._work = work

    def _watch_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _forget_idleness(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
