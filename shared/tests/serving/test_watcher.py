import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio.lowlevel
import pytest
import structlog
from shared.tests.conftest import Publish, classification_onnx, regression_onnx
from shared.tests.serving.replica import Replica, traffic
from structlog.testing import capture_logs

from mlplatform.contracts import Contract
from mlplatform.registry import TRAFFIC_TAG, StoredVersion
from mlplatform.serving import watcher
from mlplatform.testing import InMemoryRegistry

pytestmark = pytest.mark.anyio


async def test_the_champion_is_taken_up(replica: Replica, publish: Publish) -> None:
    publish("1")
    await replica.check()
    assert replica.version == "1"


async def test_a_newly_promoted_version_replaces_the_old(replica: Replica, publish: Publish) -> None:
    publish("1")
    await replica.check()
    publish("2", weight=2.0)
    await replica.check()
    assert replica.version == "2"
    assert replica.reloads("loaded") == 2


async def test_without_a_champion_the_reason_is_told(replica: Replica) -> None:
    await replica.check()
    assert replica.version is None
    assert "no champion yet" in replica.slot.reason


async def test_an_outage_is_told_and_costs_no_loaded_version(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    await replica.check()
    registry.is_up = False
    await replica.check()
    assert replica.version == "1"
    assert replica.watcher.trouble is not None
    assert "unavailable" in replica.watcher.trouble


async def test_a_lost_alias_costs_no_loaded_version(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    await replica.check()
    registry.champion = None
    await replica.check()
    assert replica.version == "1"
    assert replica.watcher.trouble is not None
    assert "no champion any more" in replica.watcher.trouble


async def test_the_version_that_should_serve_is_told_beside_the_one_that_does(
    replica: Replica, publish: Publish
) -> None:
    publish("1")
    await replica.check()
    publish("2", onnx=b"not onnx")
    await replica.check()
    assert replica.sample("model_desired_version_info", version="2") == 1
    assert replica.sample("model_version_info", version="1") == 1
    assert replica.sample("model_refusals_total", reason="unloadable") == 1


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
    await replica.check()
    publish("2", **fault)
    await replica.check()
    assert replica.version == "1"
    assert replica.reloads("refused") == 1
    trouble = replica.watcher.trouble
    assert trouble is not None
    assert "refused" in trouble
    await replica.check()
    assert replica.watcher.trouble == trouble


async def test_a_refused_version_is_not_tried_at_every_poll(replica: Replica, publish: Publish) -> None:
    publish("2", onnx=b"not onnx")
    await replica.check()
    await replica.check()
    assert replica.reloads("refused") == 1


async def test_a_good_version_after_a_refused_one_is_taken_up(replica: Replica, publish: Publish) -> None:
    publish("1", onnx=b"not onnx")
    await replica.check()
    publish("2")
    await replica.check()
    assert replica.version == "2"
    assert replica.watcher.trouble is None


async def test_a_rollback_to_a_version_in_memory_needs_no_download(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    await replica.check()
    publish("2")
    registry.previous = "1"
    await replica.check()
    registry.files.clear()
    registry.champion, registry.previous = "1", None
    await replica.watcher.check()
    assert replica.version == "1"


async def test_a_new_replica_loads_challenger_and_previous_beside_the_champion(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    for version in ("1", "2", "3"):
        publish(version)
    registry.previous, registry.champion, registry.challenger = "1", "2", "3"
    await replica.check()
    assert replica.table.versions == ["1", "2", "3"]
    assert replica.version == "2"
    assert replica.slot.challenger is not None
    assert (replica.slot.challenger.version, replica.slot.challenger.variant) == ("3", "challenger")
    for role, number in {"previous": 1, "champion": 2, "challenger": 3}.items():
        assert replica.sample("model_desired_version", role=role) == number
        assert replica.sample("model_actual_version", role=role) == number


async def test_a_bad_challenger_does_not_touch_the_champion(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2", onnx=b"not onnx")
    publish("1")
    registry.challenger = "2"
    await replica.check()
    assert replica.version == "1"
    assert replica.slot.challenger is None
    assert replica.watcher.trouble is None
    assert replica.versions.refusals.told()["2"]["reason"] == "unloadable"


async def test_only_the_last_few_versions_stay_in_memory(replica: Replica, publish: Publish) -> None:
    for version in range(1, 12):
        publish(str(version))
        await replica.check()
    assert replica.table.versions == ["8", "9", "10", "11"]


async def test_a_share_is_the_challengers_as_long_as_the_registry_says_so(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2")
    publish("1")
    registry.challenger, registry.model_tags = "2", traffic()
    await replica.check()
    assert replica.slot.split is not None
    assert replica.slot.split.share == 3_000
    assert replica.sample("challenger_share") == 0.3
    assert replica.sample("predictions_total", version="2", variant="challenger") == 0
    registry.model_tags = {}
    await replica.check()
    assert replica.slot.split is None


@pytest.mark.parametrize(
    "tags",
    [
        traffic(challenger="3"),
        traffic(expires_at="2020-01-01T00:00:00Z"),
        traffic(challenger_percent=0),
        {TRAFFIC_TAG: "{"},
    ],
    ids=["for another challenger", "expired", "nothing", "unreadable"],
)
async def test_no_share_is_the_challengers_when_the_traffic_is(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, tags: dict[str, str]
) -> None:
    publish("2")
    publish("1")
    registry.challenger, registry.model_tags = "2", tags
    await replica.check()
    assert replica.slot.split is None


async def test_the_challenger_is_shadowed_as_long_as_the_registry_says_so(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2")
    publish("1")
    registry.challenger, registry.model_tags = "2", traffic(challenger_percent=0, shadow=True)
    await replica.check()
    assert replica.slot.split is None
    assert replica.shadows.current is not None
    assert replica.shadows.current.version == "2"
    registry.model_tags = {}
    await replica.check()
    assert replica.shadows.current is None


async def test_a_share_that_expires_ends_though_the_registry_is_away(
    replica: Replica, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2")
    publish("1")
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    registry.challenger, registry.model_tags = "2", traffic(shadow=True, expires_at=soon.isoformat())
    await replica.check()
    shadow = replica.shadows.current
    assert shadow is not None
    registry.is_up = False
    async with asyncio.timeout(10):
        while replica.shadows.current:
            await replica.check()
    assert replica.sample("challenger_share") == 0
    assert datetime.now(UTC) >= soon


async def test_a_challenger_that_cannot_be_brought_is_told_once_and_asked_for_less_often(
    replica: Replica, registry: InMemoryRegistry, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("1")
    registry.challenger = "9"
    monkeypatch.setattr(watcher, "_log", structlog.get_logger())  # one that nobody has bound to an output yet
    with capture_logs() as logs:
        for _ in range(3):
            await replica.check()
    assert "9" in replica.watcher.setbacks["9"]
    assert replica.watcher.trouble is None
    assert [log["roles"] for log in logs if log["event"] == "version not brought"] == [["challenger"]]
    registry.challenger = None
    await replica.check()
    assert replica.watcher.setbacks == {}


class SlowTrial:
    """Tries version 2 for ever, and lets all others pass."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.was_given_up = False

    async def __call__(self, _contract: Contract, stored: StoredVersion) -> None:
        if stored.version == "2":
            self.began.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.was_given_up = True


async def test_a_version_that_is_wanted_no_more_is_given_up_and_keeps_no_other_waiting(
    registry: InMemoryRegistry, publish: Publish, tmp_path: Path
) -> None:
    trial = SlowTrial()
    replica = Replica(registry, tmp_path, trial=trial)
    publish("1")
    await replica.check()
    publish("2")
    await replica.watcher.check()
    await trial.began.wait()
    publish("3")
    await replica.check()
    assert replica.version == "3"
    assert trial.was_given_up
    assert replica.versions.refusals.told() == {}


async def test_a_watcher_that_is_woken_looks_at_once_and_again_when_it_was_woken_meanwhile(
    replica: Replica, publish: Publish
) -> None:
    publish("1")
    watching = asyncio.create_task(replica.watcher.watch(3600))
    async with asyncio.timeout(10):
        while replica.version != "1":
            await anyio.lowlevel.checkpoint()
        publish("2")
        replica.watcher.wake()
        while replica.version != "2":
            await anyio.lowlevel.checkpoint()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
