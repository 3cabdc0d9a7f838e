"""A predictor among clients that mean no good, over real sockets."""

import random
from collections.abc import AsyncIterator

import httpx
import pytest
from shared.tests.conftest import Publish
from shared.tests.serving.conftest import until_ready
from shared.tests.serving.test_at_once import Running, listening

from mlplatform.contracts import HOUSING
from mlplatform.serving.app import PATH, create_app
from mlplatform.serving.at_once import answering_at_once
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried
from tests.helpers import hostile

pytestmark = pytest.mark.anyio

COUNT = 2_000


@pytest.fixture
async def running(settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish) -> AsyncIterator[Running]:
    publish("1")
    app = create_app(HOUSING, settings, registry, untried)
    async with app.router.lifespan_context(app), listening(app, answering_at_once(PATH, app.state.predict)) as running:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client:
            await until_ready(client)
        yield running


async def exposed(running: Running) -> dict[str, float]:
    """The value of each series."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{running.port}/metrics")).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def some(chance: random.Random) -> hostile.Asked:
    return hostile.at_predictor(chance) if chance.random() < 0.8 else hostile.nowhere(chance)


async def test_hostile_requests_make_no_series_and_reach_every_part(running: Running) -> None:
    await exposed(running)  # what a first request makes is there
    before = await exposed(running)
    assert await hostile.send_to(running.port, COUNT, some) == COUNT
    after = await exposed(running)
    assert after.keys() == before.keys()
    grown = {name for name in after if after[name] > before[name]}
    reasons = ("malformed_body", "contract_violation", "unsupported_media_type", "not_acceptable", "version_not_found")
    assert grown >= {f'mlplatform_predict_rejections_total{{model="housing",reason="{reason}"}}' for reason in reasons}
    assert 'mlplatform_client_predictions_total{client="other",model="housing"}' in grown
    assert 'mlplatform_http_requests_total{code="4xx",method="other",route="unmatched"}' in grown
    bugs = 'mlplatform_predict_request_duration_seconds_count{model="housing",outcome="error"}'
    assert after[bugs] == 0
