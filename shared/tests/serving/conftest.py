from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
from shared.tests.conftest import Publish
from shared.tests.serving.replica import Replica

from mlplatform.contracts import HOUSING, Contract
from mlplatform.runtime import LiveModel, OnnxModel, TrainingRange
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried


@pytest.fixture
def settings(tmp_path: Path) -> PredictorSettings:
    return PredictorSettings(cache_dir=tmp_path / "cache", max_rows=100, max_body_bytes=64 * 1024)


def live(version: str, onnx: bytes, contract: Contract = HOUSING) -> LiveModel:
    """A version as a predictor has it, to which no value is outside of what it was trained on."""
    width = len(contract.feature_names)
    seen = TrainingRange(contract.feature_names, (-1e9,) * width, (1e9,) * width)
    return LiveModel(version, OnnxModel(contract, onnx), seen)


async def until_ready(client: httpx.AsyncClient) -> None:
    """The in-process transport never lets go of the loop by itself: the watcher needs its turns."""
    with anyio.fail_after(10):
        while (await client.get("/health/ready")).status_code != httpx.codes.OK:
            await anyio.lowlevel.checkpoint()


@pytest.fixture
async def predictor(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> AsyncIterator[httpx.AsyncClient]:
    """A housing predictor that serves version 1 from its cache."""
    publish("1")
    app = create_app(HOUSING, settings, registry, untried)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client,
    ):
        await until_ready(client)
        yield client


@pytest.fixture
def replica(registry: InMemoryRegistry, tmp_path: Path) -> Replica:
    return Replica(registry, tmp_path)
