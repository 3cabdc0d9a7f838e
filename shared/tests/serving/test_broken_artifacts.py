"""Every broken artifact against a predictor that tries versions for real: the old one goes on, the reason is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from shared.tests.conftest import Publish, regression_onnx
from shared.tests.serving.replica import Replica
from shared.tests.verification.models import endless_onnx, external_onnx
from structlog.testing import capture_logs

from mlplatform.registry.cache import sha256
from mlplatform.testing import InMemoryRegistry
from mlplatform.verification import SubprocessTrial

pytestmark = pytest.mark.anyio

Break = Callable[[InMemoryRegistry, Publish], None]

_MOST_MODEL_BYTES = 20_000


def truncated(registry: InMemoryRegistry, publish: Publish) -> None:
    publish("2")
    registry.files["2", "model.onnx"] = registry.files["2", "model.onnx"][:-10]


def truncated_before_it_was_registered(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=regression_onnx()[:-10])


def bit_flip(registry: InMemoryRegistry, publish: Publish) -> None:
    publish("2")
    data = bytearray(registry.files["2", "model.onnx"])
    data[len(data) // 2] ^= 1
    registry.files["2", "model.onnx"] = bytes(data)


def bit_flip_in_the_manifest(registry: InMemoryRegistry, publish: Publish) -> None:
    publish("2")
    registry.files["2", "manifest.json"] = registry.files["2", "manifest.json"].replace(b"housing", b"hoursing")


def wrong_schema(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=regression_onnx(features=7))


def manifest_of_another_schema(registry: InMemoryRegistry, publish: Publish) -> None:
    publish("2")
    registry.files["2", "manifest.json"] = b"{}"
    registry.version_tags["2"] = {"manifest_sha256": sha256(b"{}")}


def missing_checksum(registry: InMemoryRegistry, publish: Publish) -> None:
    publish("2")
    registry.version_tags["2"] = {}


def crash_on_load(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=endless_onnx())


def golden_mismatch(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", golden={"rows": [[1.0] * 8], "predictions": [999.0]})


def huge(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=bytes(_MOST_MODEL_BYTES + 1))


def huge_and_it_lies(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=bytes(_MOST_MODEL_BYTES + 1), onnx_bytes=100)


def external_data(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=external_onnx())


def pickle(_: InMemoryRegistry, publish: Publish) -> None:
    publish("2", onnx=b"cos\nsystem\n(S'exit 1'\ntR.")


BROKEN: dict[Break, str] = {
    truncated: "checksum",
    truncated_before_it_was_registered: "unloadable",
    bit_flip: "checksum",
    bit_flip_in_the_manifest: "checksum",
    wrong_schema: "signature",
    manifest_of_another_schema: "checksum",
    missing_checksum: "checksum",
    crash_on_load: "crash",
    golden_mismatch: "golden",
    huge: "size",
    huge_and_it_lies: "size",
    external_data: "external_data",
    pickle: "unloadable",
}


@pytest.mark.parametrize(("break_it", "reason"), BROKEN.items(), ids=[fault.__name__ for fault in BROKEN])
async def test_the_old_version_serves_on_and_the_reason_is_in_metric_log_and_health(
    registry: InMemoryRegistry, publish: Publish, tmp_path: Path, break_it: Break, reason: str
) -> None:
    replica = Replica(registry, tmp_path, trial=SubprocessTrial(cpu_seconds=1), most_model_bytes=_MOST_MODEL_BYTES)
    publish("1")
    await replica.check()
    break_it(registry, publish)
    with capture_logs() as logs:
        await replica.check()
        await replica.check()
    assert replica.version == "1"
    assert replica.table.versions == ["1"]
    assert not (tmp_path / "2").exists()
    assert replica.sample("model_refusals_total", reason=reason) == 1
    assert [(log["version"], log["reason"]) for log in logs if log["event"] == "version refused"] == [("2", reason)]
    assert replica.versions.refusals.told()["2"]["reason"] == reason
    assert replica.watcher.trouble is not None
    assert f"refused ({reason})" in replica.watcher.trouble
