"""A path that is answered before any middleware and the router."""

from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


def answer_first(app: FastAPI, path: str, endpoint: ASGIApp) -> None:
    """Let `endpoint` answer `path` of `app`. It does for itself what the middleware does for the other routes."""
    build: Callable[[], ASGIApp] = app.build_middleware_stack

    def build_with_shortcut() -> ASGIApp:
        others = build()

        async def stack(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == path:
                await endpoint(scope, receive, send)
            else:
                await others(scope, receive, send)

        return stack

    app.build_middleware_stack = build_with_shortcut  # type: ignore[method-assign] # the stack is built late, once
