"""The API of the trainer: it accepts jobs and tells of them; it never trains."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from http import HTTPStatus

from fastapi import FastAPI
from starlette.responses import JSONResponse

from mlplatform.errors import ModelVersionNotFound, PlatformError, RegistryUnavailable
from mlplatform.messaging.events import RedisModelEvents
from mlplatform.registry.measured import MeasuredTransport
from mlplatform.settings import load_settings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.metrics import Collectors, ReadingsCollector, process_registry
from mlplatform.telemetry.registry import RegistryMetrics
from mlplatform.telemetry.tracing import Tracing, open_tracing
from mlplatform.web.server import serve
from mlplatform.web.service import create_service
from trainer.db import statistics
from trainer.db.engine import connect
from trainer.errors import (
    BrokerUnavailable,
    CardNotFound,
    ChallengerMissing,
    ChampionChanged,
    ChampionItself,
    DatabaseUnavailable,
    JobFinished,
    JobNotFound,
    KeyReused,
    NothingToRollBackTo,
    RampInProgress,
    RampMissing,
    RegistryRefused,
    TrainingInProgress,
    VersionRejected,
    VersionRolledBack,
    VersionUnverified,
)
from trainer.figures import FIGURES, Figures
from trainer.jobs import JobStore, Lookout
from trainer.promotions.ledger import Ledger
from trainer.promotions.registry import MlflowRegistry, Registry
from trainer.promotions.replicas import HttpReplicas, Replicas
from trainer.promotions.traffic import TrafficControl
from trainer.routes.cards import card_routes
from trainer.routes.models import model_routes
from trainer.routes.retraining import retraining_routes
from trainer.routes.rollouts import rollout_routes
from trainer.settings import TrainerSettings
from trainer.tasks import CeleryQueue, Queue, create_celery

_STATUSES: Mapping[type[PlatformError], HTTPStatus] = {
    JobNotFound: HTTPStatus.NOT_FOUND,
    TrainingInProgress: HTTPStatus.CONFLICT,
    JobFinished: HTTPStatus.CONFLICT,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    VersionUnverified: HTTPStatus.CONFLICT,
    VersionRolledBack: HTTPStatus.CONFLICT,
    ChampionChanged: HTTPStatus.CONFLICT,
    NothingToRollBackTo: HTTPStatus.CONFLICT,
    ChallengerMissing: HTTPStatus.CONFLICT,
    ChampionItself: HTTPStatus.CONFLICT,
    VersionRejected: HTTPStatus.CONFLICT,
    RampInProgress: HTTPStatus.CONFLICT,
    RampMissing: HTTPStatus.NOT_FOUND,
    ModelVersionNotFound: HTTPStatus.NOT_FOUND,
    CardNotFound: HTTPStatus.NOT_FOUND,
    RegistryRefused: HTTPStatus.BAD_GATEWAY,
    RegistryUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    BrokerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def metrics_of(figures: Figures, calls: RegistryMetrics) -> Collectors:
    """What the API exposes: the figures of the database, and its calls of the model registry."""
    metrics = process_registry()
    metrics.register(ReadingsCollector((*FIGURES, *statistics.FIGURES), figures.read))
    calls.expose(metrics)
    return metrics


def create_app(
    jobs: JobStore,
    queue: Queue,
    registry: Registry,
    ledger: Ledger,
    replicas: Replicas,
    metrics: Collectors,
    tracing: Tracing | None = None,
) -> FastAPI:
    """The app over a store of jobs, a queue to the worker, the model registry, the ledger of promotions and the
    predictors.
    """
    lookout = Lookout(jobs)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        lookout.close()

    app = create_service(
        title="trainer",
        description="Accepts retrainings, which a worker carries out, and tells how they go; says who serves.",
        metrics=metrics,
        lifespan=lifespan,
        statuses=_STATUSES,
        tracing=tracing,
    )

    @app.get("/health/ready", tags=["operation"], summary="The database answers")
    @app.get("/health", tags=["operation"], summary="The same")
    def ready() -> JSONResponse:
        trouble = jobs.trouble()
        if trouble:
            return JSONResponse({"status": "not ready", "service": "trainer", "reason": trouble}, 503)
        return JSONResponse({"status": "ready", "service": "trainer"})

    app.include_router(retraining_routes(jobs, queue, lookout))
    app.include_router(model_routes(registry, ledger, replicas))
    app.include_router(rollout_routes(TrafficControl(ledger, registry)))
    app.include_router(card_routes(registry))
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings.log_format, settings.log_level)
    engine = connect(settings.database_url)
    calls = RegistryMetrics()
    with ExitStack() as open_things:
        registry = open_things.enter_context(closing(MlflowRegistry(settings.mlflow_url, MeasuredTransport(calls))))
        replicas = open_things.enter_context(closing(HttpReplicas(settings.predictor_urls)))
        events = open_things.enter_context(closing(RedisModelEvents(settings.redis_url)))
        ledger = Ledger(engine, registry, events)
        queue = CeleryQueue(create_celery(settings))
        tracing = open_tracing("trainer", settings.otlp_endpoint)
        metrics = metrics_of(Figures(engine), calls)
        app = create_app(JobStore(engine), queue, registry, ledger, replicas, metrics, tracing)
        serve(app, settings.host, settings.port)
        if tracing:
            tracing.close()


if __name__ == "__main__":
    main()
