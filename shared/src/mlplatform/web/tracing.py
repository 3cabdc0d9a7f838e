"""A span for each request of a service; only in services that trace."""

from starlette.types import ASGIApp, Receive, Scope, Send

from mlplatform.telemetry import trace_context
from mlplatform.telemetry.tracing import Tracing


class TracingMiddleware:
    """Continues the trace that the request names."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        attributes = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "request_id": scope.get("state", {}).get("request_id", ""),
        }
        with self._tracing.span(scope["method"], trace_context.current.get(), attributes):
            await self.app(scope, receive, send)
