"""The same data, seed and code give the same version, in whatever process."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data"

_TRAINING = """
import hashlib, json, sys
from pathlib import Path
from trainer.in_memory_tracker import InMemoryTracker
from trainer.pipeline import Sources, train
from trainer.recipes import RECIPES

model, data, processed = sys.argv[1:]
tracker = InMemoryTracker()
train(
    RECIPES[model],
    sources=Sources(Path(data), Path(processed)),
    tracker=tracker,
    progress=lambda stage, percent: None,
    reason="made twice",
)
(release,) = tracker.releases
card = json.loads(release.files["card.json"])
card["making"].pop("made_at")
for reason in card["gate"]["reasons"]:
    if reason["check"] == "latency":  # measured, and so never quite the same
        reason["numbers"] = reason["detail"] = None
print(json.dumps({
    "runs": [[run.name, run.params, run.metrics, run.series] for run in tracker.runs.values()],
    "onnx": hashlib.sha256(release.onnx).hexdigest(),
    "manifest": json.loads(release.manifest.model_dump_json()),
    "card": card,
}))
"""


def trained_in_a_process(model: str, data: Path, folder: Path, hash_seed: str) -> dict[str, Any]:
    """As a worker would, whose sets have an order of their own."""
    command = [sys.executable, "-W", "error", "-c", _TRAINING, model, str(data), str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def few_houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth house: all candidates of the true recipe in seconds."""
    folder = tmp_path_factory.mktemp("data")
    header, *lines = (DATA / "housing_raw.csv").read_text().splitlines(keepends=True)
    content = "".join([header, *lines[::10]])
    (folder / "housing_raw.csv").write_text(content)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content.encode()).hexdigest()}  housing_raw.csv\n")
    return folder


@pytest.mark.parametrize("model", ["housing", "iris"])
def test_two_processes_make_the_same_metrics_and_the_same_bytes(model: str, few_houses: Path, tmp_path: Path) -> None:
    data = few_houses if model == "housing" else DATA
    first, second = (trained_in_a_process(model, data, tmp_path / seed, seed) for seed in ("1", "2"))
    assert first["onnx"] == second["onnx"]
    assert first == second
    assert first["card"]["onnx_sha256"] == first["onnx"]
