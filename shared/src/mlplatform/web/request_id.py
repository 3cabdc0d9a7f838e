"""One id for a request, from the gateway through every log line to the answer."""

import re

import structlog
import uuid_utils
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlplatform.telemetry import trace_context

HEADER = b"x-request-id"
_ACCEPTED = re.compile(rb"[A-Za-z0-9-]{8,64}")


def accepted(given: bytes | None) -> bytes | None:
    """The caller's id when it is well-formed."""
    return given if given and _ACCEPTED.fullmatch(given) else None


class RequestIdMiddleware:
    """Takes a well-formed id of the caller, makes one otherwise, and returns it with the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), None)
        request_id = accepted(given) or str(uuid_utils.uuid7()).encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start" and all(name != HEADER for name, _ in message["headers"]):
                message["headers"] = [*message["headers"], (HEADER, request_id)]
            await send(message)

        traceparent = next((value for name, value in scope["headers"] if name == trace_context.HEADER), None)
        trace_context.current.set(trace_context.well_formed(traceparent))
        trace_id = trace_context.trace_id_of(traceparent)
        trace = {"trace_id": trace_id} if trace_id else {}
        structlog.contextvars.unbind_contextvars("trace_id")  # of a request that came before on the same connection
        bound = structlog.contextvars.bind_contextvars(request_id=request_id.decode(), **trace)
        await self.app(scope, receive, send_with_id)
        structlog.contextvars.reset_contextvars(**bound)  # not after an error, which the server logs in this same task
