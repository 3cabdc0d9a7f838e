"""What a predictor serves before the registry has answered, and when it answers after all."""

import threading
from pathlib import Path

import pytest
from shared.tests.conftest import Publish
from shared.tests.serving.replica import Replica, traffic

from mlplatform.contracts import HOUSING, Contract
from mlplatform.registry import StoredVersion
from mlplatform.runtime import LiveModel
from mlplatform.testing import InMemoryRegistry
from mlplatform.verification import load

pytestmark = pytest.mark.anyio


async def test_a_cache_that_cannot_be_read_is_done_without(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.check()
    (tmp_path / "last_seen.json").unlink()
    (tmp_path / "last_seen.json").mkdir()
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    assert restarted.version is None
    assert restarted.slot.reason


async def test_a_restart_with_the_registry_down_serves_from_the_cache(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.check()
    registry.is_up = False
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    assert restarted.version == "1"
    assert restarted.sample("registry_last_answer_timestamp_seconds") == restarted.watcher.answered_at
    assert restarted.sample("registry_reachable") == 0
    assert restarted.sample("model_desired_version_info", version="1") == 1


async def test_a_restart_with_the_registry_down_knows_aliases_traffic_and_how_old_they_are(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("2")
    publish("1")
    registry.challenger, registry.model_tags = "2", traffic()
    await replica.check()
    registry.is_up = False
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    await restarted.check()
    assert restarted.version == "1"
    assert restarted.slot.challenger is not None
    assert restarted.slot.split == replica.slot.split
    assert restarted.watcher.answered_at == replica.watcher.answered_at


async def test_a_restart_serves_another_cached_version_when_the_champions_files_are_corrupt(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.check()
    publish("2")
    registry.previous = "1"
    await replica.check()
    (tmp_path / "2" / "model.onnx").write_bytes(b"corrupt")
    registry.is_up = False
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    assert restarted.version == "1"
    assert restarted.fetcher.repairs == 1
    registry.is_up = True
    await restarted.check()
    assert restarted.version == "2"


async def test_another_version_of_the_same_number_replaces_the_cached_one(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    await replica.check()
    publish("1", weight=5.0)
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    cached = restarted.slot.get()
    await restarted.check()
    row = [list(HOUSING.example.values())]
    assert restarted.slot.get().model.run_few(row)[0][0] == pytest.approx(5 * cached.model.run_few(row)[0][0])


async def test_what_came_from_the_cache_is_neither_fetched_nor_loaded_again(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("2")
    publish("1")
    registry.challenger = "2"
    await replica.check()
    registry.files.clear()
    restarted = Replica(registry, tmp_path)
    await restarted.watcher.start_from_cache()
    await restarted.watcher.settled()
    cached = restarted.slot.live
    await restarted.check()
    assert restarted.slot.live is cached
    assert restarted.versions.has("1")
    assert restarted.versions.has("2")
    assert restarted.watcher.trouble is None


async def test_a_start_waits_for_no_version_but_the_one_that_serves(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    publish("2")
    publish("1")
    registry.challenger = "2"
    await replica.check()
    may_load = threading.Event()

    def load_slowly(contract: Contract, stored: StoredVersion) -> LiveModel:
        if stored.version == "2":
            assert may_load.wait(10)
        return load(contract, stored)

    restarted = Replica(registry, tmp_path, load=load_slowly)
    await restarted.watcher.start_from_cache()
    assert restarted.version == "1"
    assert restarted.slot.challenger is None
    may_load.set()
    await restarted.watcher.settled()
    assert restarted.slot.challenger is not None
