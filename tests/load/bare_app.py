"""The ceiling: an ASGI callable that answers a constant, on the platform's own server.

Run as `python -m tests.load.bare_app PORT`.
"""

import sys
from typing import cast

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from mlplatform.web.server import serve

_BODY = (
    b'{"prediction":4.293817520141602,"unit":"100k USD","prediction_id":"0193a3c4-5b7e-7cc3-98c4-dc0c0c07398f",'
    b'"model":"housing","version":"1","variant":"champion","warnings":[]}'
)
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    """The same bytes whatever was asked."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve(cast("FastAPI", app), "127.0.0.1", int(sys.argv[1]))
