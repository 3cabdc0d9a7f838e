"""The trainer's API over a database, and over the models and replicas that a test has."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import Engine

from mlplatform.telemetry.registry import RegistryMetrics
from trainer.api import create_app, metrics_of
from trainer.figures import Figures
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas


@pytest.fixture
def replicas() -> InMemoryReplicas:
    return InMemoryReplicas()


@pytest.fixture
async def api(engine: Engine, models: InMemoryModels, replicas: InMemoryReplicas) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it; `models` is the test's own fixture."""
    metrics = metrics_of(Figures(engine), RegistryMetrics())
    app = create_app(JobStore(engine), InMemoryQueue(), models, Ledger(engine, models), replicas, metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trainer") as client:
        yield client
