"""Time and count the requests of a service."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlplatform.telemetry.http import HttpMetrics


class TimingMiddleware:
    """Tells the metrics of every request."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with self._metrics.request(scope["path"], scope["method"]) as outcome:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    outcome.status = message["status"]
                await send(message)

            await self.app(scope, receive, send_and_note)
