"""From stored bytes to a model that may take traffic."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from math import isclose
from typing import Any

import numpy as np

from mlplatform.contracts import Contract
from mlplatform.errors import GoldenMismatch, SignatureMismatch, UnloadableModel
from mlplatform.registry import GoldenRows, StoredVersion
from mlplatform.runtime import LiveModel, OnnxModel, TrainingRange
from mlplatform.runtime.session import FEW, Answer

Load = Callable[[Contract, StoredVersion], LiveModel]


def load(contract: Contract, stored: StoredVersion) -> LiveModel:
    """Verify a version against the contract and its golden rows, and warm its session up.

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
        _warm_up(model, manifest.golden)
    except GoldenMismatch:
        raise
    except Exception as error:  # a file may load and yet fail in any way on its first rows
        raise UnloadableModel(f"version {stored.version} fails on its golden rows: {error}") from error
    low, high = zip(*(manifest.training_range[name] for name in contract.feature_names), strict=True)
    seen = TrainingRange(contract.feature_names, low, high)
    return LiveModel(stored.version, model, seen, size=len(stored.model))


def check_golden(model: OnnxModel, golden: GoldenRows) -> None:
    """Answer the golden rows in both ways that requests are answered, and compare.

    Raises:
        GoldenMismatch: the message names the first row that differs.
    """
    rows = golden.rows
    _compare(model.predict(np.array(rows, dtype=np.float64)), golden)
    few = [model.run_few(rows[start : start + FEW]) for start in range(0, len(rows), FEW)]
    predictions: list[Any] = [value for values, _ in few for value in values]
    _compare(Answer(predictions, [row for _, probabilities in few for row in probabilities or []]), golden)


def _compare(answer: Answer, golden: GoldenRows) -> None:
    said = _lines(answer.predictions, answer.probabilities)
    stored = _lines(golden.predictions, golden.probabilities)
    same = partial(_same, golden.tolerance)
    if len(said) != len(stored):
        raise GoldenMismatch(f"{len(said)} answers to {len(stored)} golden answers")
    for number, (one, other) in enumerate(zip(said, stored, strict=True)):
        if len(one) != len(other) or not all(map(same, one, other)):
            raise GoldenMismatch(f"golden row {number % len(golden.rows)}: {list(one)}, stored is {list(other)}")


def _warm_up(model: OnnxModel, golden: GoldenRows) -> None:
    """Every number of rows that one run may have gets its tensors before the first request."""
    for count in range(1, FEW + 1):
        model.run_few([*islice(cycle(golden.rows), count)])


def _lines(
    predictions: Sequence[float] | Sequence[str], probabilities: list[list[float]]
) -> list[Sequence[float | str]]:
    return [*([prediction] for prediction in predictions), *probabilities]


def _same(tolerance: float, one: float | str, other: float | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
