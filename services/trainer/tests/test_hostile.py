"""The trainer's API among clients that mean no good."""

import random

import httpx
import pytest
from sqlalchemy import Engine

from mlplatform.contracts import IRIS
from mlplatform.telemetry.registry import RegistryMetrics
from tests.helpers import hostile
from trainer.api import create_app, metrics_of
from trainer.figures import Figures
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas

pytestmark = pytest.mark.anyio

COUNT = 1_000


async def test_hostile_requests_make_no_series_no_job_and_no_promotion(engine: Engine) -> None:
    models, queue = InMemoryModels(), InMemoryQueue()
    ledger, metrics = Ledger(engine, models), metrics_of(Figures(engine), RegistryMetrics())
    app = create_app(JobStore(engine), queue, models, ledger, InMemoryReplicas(), metrics)
    chance = random.Random(1)  # noqa: S311 # the same requests each time
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://trainer") as api:

        async def series() -> set[str]:
            lines = (await api.get("/metrics")).text.splitlines()
            return {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")}

        await series()  # what a first request makes is there
        before, statuses = await series(), set()
        for _ in range(COUNT):
            asked = hostile.at_trainer(chance) if chance.random() < 0.8 else hostile.nowhere(chance)
            headers = [(name.encode(), value.encode("latin-1")) for name, value in asked.headers.items()]
            response = await api.request(asked.method, asked.target, headers=headers, content=asked.body)
            statuses.add(response.status_code)
            assert response.status_code < 500, asked
        assert await series() == before
    assert statuses >= {400, 404, 405, 422}
    assert (queue.published, ledger.entries(IRIS)) == ([], [])
