"""What the API logs of a request."""

import json

import httpx
import pytest
from sqlalchemy import Engine

from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.registry import RegistryMetrics
from trainer.api import create_app, metrics_of
from trainer.figures import Figures
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("restored_logging")]

HEADERS = {"X-Request-ID": "request-to-find", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.mark.parametrize("is_up", [True, False], ids=["broker is up", "broker is away"])
async def test_every_line_of_a_retraining_that_is_asked_for_has_the_ids_of_the_request(
    engine: Engine, capsys: pytest.CaptureFixture[str], *, is_up: bool
) -> None:
    models, queue = InMemoryModels(), InMemoryQueue(is_up=is_up)
    metrics = metrics_of(Figures(engine), RegistryMetrics())
    app = create_app(JobStore(engine), queue, models, Ledger(engine, models), InMemoryReplicas(), metrics)
    configure_logging("trainer", "json")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trainer") as api:
        job = (await api.post("/retrain", json={"model": "iris"}, headers=HEADERS)).json()["id"]
        assert (await api.post("/retrain", json={"model": "iris"}, headers=HEADERS)).status_code == 409
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert job in [line.get("job") for line in lines if line["event"] == "retraining accepted"]
    ids = {"request_id": "request-to-find", "trace_id": "0af7651916cd43dd8448eb211c80319c"}
    assert all(line.items() >= ids.items() for line in lines)
