"""Serve an app on a socket."""

import uvicorn
from fastapi import FastAPI

# Longer than the gateway keeps an idle connection (60 s), so that it is never the server that hangs up first.
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 20


def serve(app: FastAPI, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT, then finish what is in flight."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
