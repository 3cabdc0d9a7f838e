"""The API of the trainer: it accepts jobs and tells of them; it never trains."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from mlplatform.contracts import contract_of
from mlplatform.errors import ModelVersionNotFound, PlatformError, RegistryUnavailable
from mlplatform.settings import load_settings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.metrics import CountsCollector, process_registry
from mlplatform.web.server import serve
from mlplatform.web.service import create_service
from trainer.db.engine import connect
from trainer.errors import (
    BrokerUnavailable,
    ChampionChanged,
    DatabaseUnavailable,
    JobNotFound,
    NothingToRollBackTo,
    TrainingInProgress,
    VersionRolledBack,
    VersionUnverified,
)
from trainer.jobs import Job, JobStore
from trainer.promotions.ledger import Ledger
from trainer.promotions.registry import MlflowRegistry, Registry
from trainer.routes.models import model_routes
from trainer.settings import TrainerSettings
from trainer.submission import submit
from trainer.tasks import CeleryQueue, Queue, create_celery

_STATUSES: Mapping[type[PlatformError], HTTPStatus] = {
    JobNotFound: HTTPStatus.NOT_FOUND,
    TrainingInProgress: HTTPStatus.CONFLICT,
    VersionUnverified: HTTPStatus.CONFLICT,
    VersionRolledBack: HTTPStatus.CONFLICT,
    ChampionChanged: HTTPStatus.CONFLICT,
    NothingToRollBackTo: HTTPStatus.CONFLICT,
    ModelVersionNotFound: HTTPStatus.NOT_FOUND,
    RegistryUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    BrokerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class RetrainRequest(BaseModel):
    """What to train, and why."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="The model's short name.", examples=["housing"])
    reason: str = Field(default="asked for over the API", description="Kept with the job.", max_length=1_000)


class JobList(BaseModel):
    """The latest jobs, newest first."""

    jobs: list[Job]


def create_app(jobs: JobStore, queue: Queue, registry: Registry, ledger: Ledger) -> FastAPI:
    """The app over a store of jobs, a queue to the worker, the model registry and the ledger of promotions."""
    metrics = process_registry()
    metrics.register(CountsCollector("mlplatform_jobs", "Jobs by model and state.", ("model", "state"), jobs.counts))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_service(
        title="trainer",
        description="Accepts retrainings, which a worker carries out, and tells how they go; says who serves.",
        metrics=metrics,
        lifespan=lifespan,
        statuses=_STATUSES,
    )

    @app.post("/retrain", status_code=HTTPStatus.ACCEPTED, tags=["retraining"], summary="Ask for a retraining")
    def retrain(request: RetrainRequest, response: Response) -> Job:
        """404 for an unknown model, 409 naming the job when the model is being trained already."""
        job = submit(contract_of(request.model), request.reason, jobs, queue)
        response.headers["Location"] = f"/retrain/{job.id}"
        return job

    @app.get("/retrain", tags=["retraining"], summary="The latest jobs")
    def latest(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> JobList:
        return JobList(jobs=jobs.newest(limit))

    @app.get("/retrain/{job_id}", tags=["retraining"], summary="One job: its state, stage and outcome")
    def job(job_id: str) -> Job:
        return jobs.get(job_id)

    @app.get("/health/ready", tags=["operation"], summary="The database answers")
    @app.get("/health", tags=["operation"], summary="The same")
    def ready() -> JSONResponse:
        trouble = jobs.trouble()
        if trouble:
            return JSONResponse({"status": "not ready", "service": "trainer", "reason": trouble}, 503)
        return JSONResponse({"status": "ready", "service": "trainer"})

    app.include_router(model_routes(registry, ledger))
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings.log_format, settings.log_level)
    engine = connect(settings.database_url)
    with closing(MlflowRegistry(settings.mlflow_url)) as registry:
        app = create_app(JobStore(engine), CeleryQueue(create_celery(settings)), registry, Ledger(engine, registry))
        serve(app, settings.host, settings.port)


if __name__ == "__main__":
    main()
