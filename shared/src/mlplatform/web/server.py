"""Serve an app on a socket."""

import asyncio
import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than the gateway keeps an idle connection (60 s), so that it is never the server that hangs up first.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 20
STARTUP_FAILURE = 3  # as uvicorn's own command says


class _Server(uvicorn.Server):
    """Asked to stop, it says so and goes on for a while before it stops listening; asked again, it stops at once."""

    def __init__(self, config: uvicorn.Config, leaving: Callable[[], None], drain_seconds: float) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._drain_seconds = drain_seconds
        self._leaves_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._leaves_at is None and self.started:
            self._leaves_at = monotonic() + self._drain_seconds
            self._leaving()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._leaves_at is not None and monotonic() >= self._leaves_at:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    http: type[asyncio.Protocol] = HttpToolsProtocol,
    leaving: Callable[[], None] = lambda: None,
    drain_seconds: float = 0.0,
) -> None:
    """Answer until SIGTERM or SIGINT, then finish what is in flight; a stop that was asked for is no failure.

    Args:
        app: what answers.
        host: address to listen on.
        port: port to listen on.
        http: speaks HTTP on a connection.
        leaving: is called when the stop is asked for; must not wait.
        drain_seconds: how long it then goes on as before, for those who look whether it is ready to see that it is not.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=http,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        ),
        leaving,
        drain_seconds,
    )
    signal.signal(signal.SIGTERM, _end)  # before the server is started, and when it was asked twice
    server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _end(*_: object) -> None:
    raise SystemExit(0)
