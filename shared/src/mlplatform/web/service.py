"""The defaults of every HTTP service: problem details, request ids, metrics, API pages from this machine."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi_offline import FastAPIOffline
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Lifespan

from mlplatform.errors import PlatformError
from mlplatform.telemetry.http import HttpMetrics, Template
from mlplatform.telemetry.metrics import CONTENT_TYPE, Collectors, render
from mlplatform.telemetry.tracing import Tracing
from mlplatform.web import problem
from mlplatform.web.request_id import RequestIdMiddleware
from mlplatform.web.timing import TimingMiddleware
from mlplatform.web.tracing import TracingMiddleware

# FastAPI would look for OpenTelemetry's providers at every request.
_NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False}


def create_service(
    *,
    title: str,
    description: str,
    metrics: Collectors,
    lifespan: Lifespan[FastAPI],
    statuses: Mapping[type[PlatformError], HTTPStatus] | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """An app with `/health/live`, `/metrics` (alias `/metrics/prometheus`), `/docs` and `/openapi.json`.

    Args:
        title: the service's name.
        description: what it does, for the API page.
        metrics: what `/metrics` exposes.
        lifespan: opens what the service needs and closes it in reverse.
        statuses: the HTTP status of each error that only this service raises.
        tracing: where the spans of requests go; without it there are none.
    """
    app = FastAPIOffline(
        title=title,
        description=description,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    problem.install(app, statuses or {})
    if tracing:
        app.add_middleware(TracingMiddleware, tracing=tracing)
    app.add_middleware(TimingMiddleware, metrics=HttpMetrics(metrics, lambda: _templates(app)))
    app.add_middleware(RequestIdMiddleware)

    @app.get("/health/live", tags=["operation"], summary="The process is up")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/metrics/prometheus", include_in_schema=False)
    @app.get("/metrics", tags=["operation"], summary="Metrics in Prometheus's text format")
    def expose() -> Response:
        return Response(render(metrics), media_type=CONTENT_TYPE)

    return app


def _templates(app: FastAPI) -> Iterator[Template]:
    for route in iter_route_contexts(app.router.routes):
        if route.path and route.methods:
            yield compile_path(route.path)[0], route.path, sorted(route.methods)
