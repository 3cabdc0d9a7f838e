import json
import os
from pathlib import Path

import pytest
from shared.tests.conftest import Publish, regression_onnx
from shared.tests.verification.models import endless_onnx, external_onnx, greedy_onnx

from mlplatform.contracts import HOUSING
from mlplatform.errors import (
    ArtifactRejected,
    CrashOnLoad,
    ExternalData,
    GoldenMismatch,
    SignatureMismatch,
    TrialOverrun,
    UnloadableModel,
)
from mlplatform.registry import ArtifactCache, Fetcher, StoredVersion
from mlplatform.testing import InMemoryRegistry
from mlplatform.verification import SubprocessTrial

pytestmark = pytest.mark.anyio


class Store:
    """Versions as they come from the registry."""

    def __init__(self, registry: InMemoryRegistry, publish: Publish, folder: Path) -> None:
        self._fetcher = Fetcher(HOUSING.registered_model, registry, ArtifactCache(folder), 10_000_000)
        self._publish = publish

    async def stored(self, **fault: object) -> StoredVersion:
        self._publish("1", **fault)
        return await self._fetcher.fetch("1")


@pytest.fixture
def store(registry: InMemoryRegistry, publish: Publish, tmp_path: Path) -> Store:
    return Store(registry, publish, tmp_path)


async def test_a_good_version_passes(store: Store) -> None:
    await SubprocessTrial()(HOUSING, await store.stored())


async def test_where_no_core_is_idle_a_good_version_passes_in_turn(store: Store) -> None:
    await SubprocessTrial(idle_seconds=0.0)(HOUSING, await store.stored())


BAD = {
    "no onnx": ({"onnx": b"not onnx"}, UnloadableModel),
    "other features": ({"onnx": regression_onnx(features=7)}, SignatureMismatch),
    "other answers": ({"golden": {"rows": [[1.0] * 8], "predictions": [999.0]}}, GoldenMismatch),
    "other files": ({"onnx": external_onnx()}, ExternalData),
    "terabytes": ({"onnx": greedy_onnx()}, UnloadableModel),
}


@pytest.mark.parametrize(("fault", "rejection"), BAD.values(), ids=BAD.keys())
async def test_what_is_wrong_with_a_version_comes_back_from_the_child(
    store: Store, fault: dict[str, object], rejection: type[ArtifactRejected]
) -> None:
    with pytest.raises(rejection):
        await SubprocessTrial()(HOUSING, await store.stored(**fault))


async def test_a_version_that_ends_the_child_is_refused_and_ends_nothing_else(store: Store) -> None:
    endless = await store.stored(onnx=endless_onnx())
    with pytest.raises(CrashOnLoad, match="SIGXCPU"):
        await SubprocessTrial(cpu_seconds=1)(HOUSING, endless)


async def test_a_version_that_wants_more_memory_than_there_is_is_refused(store: Store) -> None:
    with pytest.raises((UnloadableModel, CrashOnLoad)):
        await SubprocessTrial(memory_bytes=0)(HOUSING, await store.stored())


async def test_a_version_that_hangs_is_given_up_and_its_child_ended(store: Store) -> None:
    endless = await store.stored(onnx=endless_onnx())
    before = children()
    with pytest.raises(TrialOverrun, match=r"0\.5 seconds"):
        await SubprocessTrial(seconds=0.5, idle_seconds=0.5)(HOUSING, endless)
    assert children() == before


async def test_the_child_sees_none_of_the_secrets_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlplatform.verification.trial import _environment

    monkeypatch.setenv("MLPLATFORM_SECRET", "hush")
    assert "hush" not in json.dumps(_environment())


def children() -> list[str]:
    return sorted(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
