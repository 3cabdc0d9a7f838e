"""Serve an app on a socket."""

import asyncio
import signal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than the gateway keeps an idle connection (60 s), so that it is never the server that hangs up first.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 20
STARTUP_FAILURE = 3  # as uvicorn's own command says


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    http: type[asyncio.Protocol] = HttpToolsProtocol,
) -> None:
    """Answer until SIGTERM or SIGINT, then finish what is in flight; a stop that was asked for is no failure.

    Args:
        app: what answers.
        host: address to listen on.
        port: port to listen on.
        http: speaks HTTP on a connection.
    """
    server = uvicorn.Server(
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
        )
    )
    signal.signal(signal.SIGTERM, _end)  # which uvicorn raises again after its own graceful stop
    server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _end(*_: object) -> None:
    raise SystemExit(0)
