"""The app of a predictor: what it is made of and how the parts meet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module

import httpx
import structlog
from fastapi import FastAPI
from starlette.routing import Route

from mlplatform.contracts import Contract
from mlplatform.registry import ArtifactCache, Fetcher, MlflowRegistry, Registry
from mlplatform.registry.measured import MeasuredAsyncTransport
from mlplatform.runtime import Slot, VersionTable
from mlplatform.serving.admission import Admission
from mlplatform.serving.bulk import BulkLane
from mlplatform.serving.formats import formats_of
from mlplatform.serving.health import health_routes
from mlplatform.serving.on_demand import OnDemand
from mlplatform.serving.openapi import describe_predict
from mlplatform.serving.routing import Router
from mlplatform.serving.shadow import PairLog, Shadows, forget
from mlplatform.serving.told import ToldEndpoint
from mlplatform.serving.traced import TracedEndpoint
from mlplatform.serving.versions import Versions
from mlplatform.serving.watcher import Watcher
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.disk import DiskCollector
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.telemetry.registry import RegistryMetrics
from mlplatform.telemetry.rollout import RolloutMetrics
from mlplatform.telemetry.shadow import ShadowMetrics
from mlplatform.telemetry.tracing import Tracing
from mlplatform.verification import Load, SubprocessTrial, Trial, load
from mlplatform.web.service import create_service

PATH = "/predict"

_log = structlog.get_logger(__name__)


def create_app(
    contract: Contract,
    settings: PredictorSettings,
    registry: Registry | None = None,
    trial: Trial | None = None,
    pair_log: PairLog = forget,
    tracing: Tracing | None = None,
    load: Load = load,
) -> FastAPI:
    """A predictor of one contract. `registry` replaces MLflow, `trial` the subprocess and `load` what makes a model of
    a version, for tests; `pair_log` gets what champion and shadow say of the same rows; without `tracing` there are no
    spans.
    """
    collectors = process_registry()
    registry_metrics = RegistryMetrics()
    registry_metrics.expose(collectors)
    client = httpx.AsyncClient(
        base_url=settings.mlflow_url,
        timeout=settings.registry_timeout_seconds,
        transport=MeasuredAsyncTransport(registry_metrics),
    )
    registry = registry or MlflowRegistry(client)
    metrics = PredictorMetrics(
        collectors,
        contract.model,
        labels=contract.labels,
        bounds=contract.scale,
        features=contract.feature_names,
        clients=settings.clients,
    )
    collectors.register(DiskCollector("model-cache", settings.cache_dir))
    rollout = RolloutMetrics(collectors, contract.model)
    slot = Slot("the first look at the model registry is not finished")
    table = VersionTable(settings.max_loaded_versions, settings.max_loaded_bytes)
    cache = ArtifactCache(settings.cache_dir, settings.max_cache_bytes)
    fetcher = Fetcher(contract.registered_model, registry, cache, settings.max_model_bytes)
    versions = Versions(
        contract=contract,
        fetcher=fetcher,
        trial=trial or SubprocessTrial(),
        load=load,
        table=table,
        metrics=metrics,
    )
    shadows = Shadows(ShadowMetrics(collectors, contract.model), pair_log)
    watcher = Watcher(
        registry=registry,
        cache=cache,
        slot=slot,
        versions=versions,
        shadows=shadows,
        metrics=metrics,
        rollout=rollout,
    )
    rollout.watch(
        bad=lambda: len(versions.refusals),
        loaded=lambda: len(table.versions),
        loaded_bytes=lambda: table.size,
        repairs=lambda: fetcher.repairs,
    )
    metrics.answers.watch_loaded(lambda: table.versions)
    bulk = BulkLane()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with client:
            await watcher.start_from_cache()
            following = [asyncio.create_task(watcher.watch(settings.poll_seconds))]
            if settings.redis_url:
                hears = rollout.hears_events.set
                following.append(asyncio.create_task(_listen(settings.redis_url, contract.model, watcher.wake, hears)))
            for task in following:
                task.add_done_callback(_tell_of_failure)
            yield
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            on_demand.close()
            await versions.close()
            bulk.close()
            shadows.close()
            if tracing:
                tracing.close()

    app = create_service(
        title=f"{contract.model}-predictor",
        description=f"Predicts {contract.target} with the champion of {contract.registered_model}.",
        metrics=collectors,
        lifespan=lifespan,
        tracing=tracing,
    )
    formats = formats_of(contract, settings.max_rows)
    app.state.metrics = metrics
    app.state.admission = Admission(settings.max_in_flight)
    on_demand = OnDemand(contract, versions)
    endpoint_of = partial(TracedEndpoint, tracing=tracing) if tracing else ToldEndpoint
    endpoint = endpoint_of(
        formats=formats,
        slot=slot,
        router=Router(slot=slot, table=table, on_demand=on_demand, shadows=shadows, rollout=rollout),
        bulk=bulk,
        admission=app.state.admission,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
    )
    app.state.predict = endpoint
    app.state.shadows = shadows
    app.state.slot = slot
    app.router.routes.append(Route(PATH, endpoint))
    app.state.is_leaving = False
    app.include_router(
        health_routes(contract, slot, table, versions, watcher, shadows.witness, lambda: app.state.is_leaving)
    )
    describe_predict(app, contract, settings.max_rows)
    return app


def _tell_of_failure(task: "asyncio.Task[None]") -> None:
    """Both go on for ever; predictions do not need them, so their end would be seen by nobody."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("changes of models are followed no more in one way", exc_info=error)


async def _listen(url: str, model: str, changed: Callable[[], None], connected: Callable[[bool], None]) -> None:
    """Hear of changes as soon as Redis's client is imported, which takes longer than loading a model from the cache."""
    await asyncio.to_thread(import_module, "mlplatform.messaging.events")
    from mlplatform.messaging.events import listen  # noqa: PLC0415 # at the top it would delay every start

    await listen(url, model, changed, connected)
