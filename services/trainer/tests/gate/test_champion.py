import hashlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlplatform.contracts import IRIS
from mlplatform.registry.manifest import GoldenRows, Manifest
from trainer.datasets import load
from trainer.errors import ChampionUnmet
from trainer.evaluation import features_and_target
from trainer.export import to_onnx
from trainer.gate.champion import load_champion
from trainer.gate.signature import promised
from trainer.recipes import RECIPES
from trainer.testing import InMemoryModels

NAME = IRIS.registered_model


@pytest.fixture
def onnx(data_dir: Path) -> bytes:
    frame = load(IRIS, RECIPES["iris"].source, data_dir).frame
    return to_onnx(IRIS, LogisticRegression(max_iter=1_000).fit(*features_and_target(IRIS, frame)))


@pytest.fixture
def models(onnx: bytes) -> InMemoryModels:
    models = InMemoryModels()
    store(models, onnx, manifest(onnx))
    return models


def manifest(onnx: bytes) -> Manifest:
    row = list(IRIS.example.values())
    return Manifest(
        model=IRIS.model,
        features=list(IRIS.feature_names),
        labels=list(IRIS.labels),
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        onnx_bytes=len(onnx),
        training_range=dict.fromkeys(IRIS.feature_names, (0, 10)),
        golden=GoldenRows(rows=[row], predictions=["setosa"], probabilities=[[1, 0, 0]]),
    )


def store(models: InMemoryModels, onnx: bytes, manifest: Manifest) -> None:
    """Version 4."""
    files = {"model.onnx": onnx, "manifest.json": manifest.model_dump_json().encode()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    models.register(NAME, "4", onnx_sha256=sums["model.onnx"], manifest_sha256=sums["manifest.json"])
    models.files |= {(NAME, "4", name): content for name, content in files.items()}


def test_the_champion_is_the_file_that_was_registered(models: InMemoryModels) -> None:
    champion = load_champion(IRIS, models, "4")
    assert champion.version == "4"
    assert champion.signature == promised(IRIS)
    assert champion.model is not None
    labels, _ = champion.model.run(np.array([list(IRIS.example.values())]))
    assert labels.tolist() == ["setosa"]


def test_a_champion_of_another_contract_is_not_asked_anything(models: InMemoryModels, onnx: bytes) -> None:
    store(models, onnx, manifest(onnx).model_copy(update={"features": [*reversed(IRIS.feature_names)]}))
    champion = load_champion(IRIS, models, "4")
    assert champion.model is None
    assert champion.signature.features == tuple(reversed(IRIS.feature_names))


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json"])
def test_another_file_than_the_registered_one_is_not_met(models: InMemoryModels, file: str) -> None:
    models.files[NAME, "4", file] += b" "
    with pytest.raises(ChampionUnmet, match=f"version 4 serves and cannot be met: {file} of version 4") as unmet:
        load_champion(IRIS, models, "4")
    assert unmet.value.version == "4"


def test_a_champion_that_is_not_in_the_registry_any_more_is_not_met(models: InMemoryModels) -> None:
    with pytest.raises(ChampionUnmet, match="no version 5"):
        load_champion(IRIS, models, "5")
