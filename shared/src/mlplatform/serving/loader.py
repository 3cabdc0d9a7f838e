"""From stored bytes to a model that may take traffic."""

from collections.abc import Sequence
from functools import partial
from math import isclose

import numpy as np

from mlplatform.contracts import Contract
from mlplatform.errors import GoldenMismatch, SignatureMismatch, UnloadableModel
from mlplatform.registry import GoldenRows, StoredVersion
from mlplatform.runtime import LiveModel, OnnxModel, TrainingRange


def load(contract: Contract, stored: StoredVersion) -> LiveModel:
    """Verify a version against the contract and its golden rows. Answering those also warms the session up.

    Raises:
        SignatureMismatch: it is another model's, or its features or labels are not the contract's.
        UnloadableModel: ONNX Runtime refuses it.
        GoldenMismatch: it does not answer as it did when it was made.
    """
    manifest = stored.manifest
    declared = (manifest.model, tuple(manifest.features), tuple(manifest.labels))
    expected = (contract.model, contract.feature_names, contract.labels)
    if declared != expected:
        raise SignatureMismatch(f"version {stored.version} is for {declared}, the contract says {expected}")
    model = OnnxModel(contract, stored.model)
    try:
        check_golden(model, manifest.golden)
    except GoldenMismatch:
        raise
    except Exception as error:  # a file may load and yet fail in any way on its first rows
        raise UnloadableModel(f"version {stored.version} fails on its golden rows: {error}") from error
    low, high = zip(*(manifest.training_range[name] for name in contract.feature_names), strict=True)
    return LiveModel(stored.version, model, TrainingRange(contract.feature_names, low, high))


def check_golden(model: OnnxModel, golden: GoldenRows) -> None:
    """Answer the golden rows and compare.

    Raises:
        GoldenMismatch: the message names the first row that differs.
    """
    answer = model.predict(np.array(golden.rows, dtype=np.float64))
    said = _lines(answer.predictions, answer.probabilities)
    stored = _lines(golden.predictions, golden.probabilities)
    same = partial(_same, golden.tolerance)
    if len(said) != len(stored):
        raise GoldenMismatch(f"{len(said)} answers to {len(stored)} golden answers")
    for number, (one, other) in enumerate(zip(said, stored, strict=True)):
        if len(one) != len(other) or not all(map(same, one, other)):
            raise GoldenMismatch(f"golden row {number % len(golden.rows)}: {list(one)}, stored is {list(other)}")


def _lines(
    predictions: Sequence[float] | Sequence[str], probabilities: list[list[float]]
) -> list[Sequence[float | str]]:
    return [*([prediction] for prediction in predictions), *probabilities]


def _same(tolerance: float, one: float | str, other: float | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
