import hashlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlplatform.contracts import IRIS
from mlplatform.errors import ChecksumMismatch
from trainer.datasets import load
from trainer.evaluation import features_and_target
from trainer.export import to_onnx
from trainer.gate.champion import load_champion
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
    models.register(NAME, "4", onnx_sha256=hashlib.sha256(onnx).hexdigest())
    models.files[NAME, "4", "model.onnx"] = onnx
    return models


def test_there_is_no_champion_before_the_first(models: InMemoryModels) -> None:
    assert load_champion(IRIS, models) is None


def test_the_champion_is_the_file_that_was_registered(models: InMemoryModels) -> None:
    models.set_alias(NAME, "champion", "4")
    champion = load_champion(IRIS, models)
    assert champion is not None
    assert champion.version == "4"
    labels, _ = champion.model.run(np.array([list(IRIS.example.values())]))
    assert labels.tolist() == ["setosa"]


def test_another_file_is_refused(models: InMemoryModels, onnx: bytes) -> None:
    models.set_alias(NAME, "champion", "4")
    models.files[NAME, "4", "model.onnx"] = onnx + b" "
    with pytest.raises(ChecksumMismatch):
        load_champion(IRIS, models)
