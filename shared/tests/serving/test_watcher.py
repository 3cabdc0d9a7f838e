from pathlib import Path

import pytest
from shared.tests.conftest import Publish, classification_onnx, regression_onnx

from mlplatform.contracts import HOUSING
from mlplatform.registry import ArtifactCache
from mlplatform.runtime import Slot
from mlplatform.serving.watcher import Watcher
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.testing import InMemoryRegistry

pytestmark = pytest.mark.anyio


class Replica:
    """A predictor's watcher with its slot and metrics."""

    def __init__(self, registry: InMemoryRegistry, cache: Path) -> None:
        self.slot = Slot("new")
        self.collectors = process_registry()
        self.watcher = Watcher(
            contract=HOUSING,
            registry=registry,
            cache=ArtifactCache(cache),
            slot=self.slot,
            metrics=PredictorMetrics(self.collectors, HOUSING.model),
        )

    @property
    def version(self) -> str | None:
        return self.slot.live and self.slot.live.version

    def reloads(self, outcome: str) -> float | None:
        return self.collectors.get_sample_value(
            "mlplatform_model_reload_total", {"model": "housing", "outcome": outcome}
        )


@pytest.fixture
def replica(registry: InMemoryRegistry, tmp_path: Path) -> Replica:
    return Replica(registry, tmp_path)


async def test_the_champion_is_taken_up(replica: Replica, publish: Publish) -> None:
    publish("1")
    await replica.watcher.check()
    assert replica.version == "1"


async def test_a_newly_promoted_version_replaces_the_old(replica: Replica, publish: Publish) -> None:
    publish("1")
    await replica.watcher.check()
    publish("2", weight=2.0)
    await replica.watcher.check()
    assert replica.version == "2"
    assert replica.reloads("loaded") == 2


async def test_without_a_champion_the_reason_is_told(replica: Replica) -> None:
    await replica.watcher.check()
    assert replica.version is None
    assert "no champion yet" in replica.slot.reason


async def test_an_outage_is_told_and_costs_no_loaded_version(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    await replica.watcher.check()
    registry.is_up = False
    await replica.watcher.check()
    assert replica.version == "1"
    assert replica.watcher.trouble is not None
    assert "unavailable" in replica.watcher.trouble


async def test_a_lost_alias_costs_no_loaded_version(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    await replica.watcher.check()
    registry.champion = None
    await replica.watcher.check()
    assert replica.version == "1"


BROKEN = {
    "checksum": {"onnx_sha256": "0" * 64},
    "signature": {"onnx": regression_onnx(features=7)},
    "unloadable": {"onnx": b"not onnx"},
    "golden": {"golden": {"rows": [[1.0] * 8], "predictions": [999.0]}},
    "another model": {"model": "iris"},
    "no golden rows": {"golden": {"rows": [], "predictions": []}},
    "a golden row of another width": {"golden": {"rows": [[1.0]], "predictions": [1.0]}},
    "an incomplete training range": {"training_range": {"MedInc": [0.0, 1.0]}},
    "a manifest of another kind": {"schema_version": 2},
    "other features": {"features": ["a"]},
    "a classification": {"onnx": classification_onnx()},
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_version_is_refused_and_the_old_one_keeps_serving(
    replica: Replica, publish: Publish, fault: dict[str, object]
) -> None:
    publish("1")
    await replica.watcher.check()
    publish("2", **fault)
    await replica.watcher.check()
    assert replica.version == "1"
    assert replica.reloads("refused") == 1
    trouble = replica.watcher.trouble
    assert trouble is not None
    assert "refused" in trouble
    await replica.watcher.check()
    assert replica.watcher.trouble == trouble


async def test_a_cache_that_cannot_be_read_is_done_without(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.watcher.check()
    (tmp_path / "champion").unlink()
    (tmp_path / "champion").mkdir()
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    assert restarted.version is None
    assert restarted.slot.reason


async def test_a_refused_version_is_not_tried_at_every_poll(replica: Replica, publish: Publish) -> None:
    publish("2", onnx=b"not onnx")
    await replica.watcher.check()
    await replica.watcher.check()
    assert replica.reloads("refused") == 1


async def test_a_good_version_after_a_refused_one_is_taken_up(replica: Replica, publish: Publish) -> None:
    publish("1", onnx=b"not onnx")
    await replica.watcher.check()
    publish("2")
    await replica.watcher.check()
    assert replica.version == "2"
    assert replica.watcher.trouble is None


async def test_a_restart_with_the_registry_down_serves_from_the_cache(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.watcher.check()
    registry.is_up = False
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    assert restarted.version == "1"
