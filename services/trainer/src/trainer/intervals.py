"""How far the metrics of a version can be trusted: 95 % intervals by a bootstrap over the hold-out. Pure.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlplatform.contracts import Contract

Numbers = NDArray[np.float64]
Measure = Callable[[NDArray[Any], Numbers], dict[str, Numbers]]
"""Truths and answers of many resamples, (resamples, n, ...), to each metric of each resample."""

_RESAMPLES = 1_000
_AT_ONCE = 100
_TAIL = 0.025


def intervals(
    contract: Contract, target: NDArray[Any], answers: Numbers, *, seed: int
) -> Mapping[str, tuple[float, float]]:
    """The interval of each of `point_metrics`.

    Args:
        contract: says what the answers are.
        target: the truth of each row.
        answers: the predictions (n,) of a regression, the probabilities (n, labels) of a classification.
        seed: of the resampling.
    """
    measure, truth = _measure(contract, target)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES // _AT_ONCE):
        rows = random.integers(0, len(truth), size=(_AT_ONCE, len(truth)))
        found.append(measure(truth[rows], answers[rows]))
    return {
        name: (float(low), float(high))
        for name in found[0]
        for low, high in [np.quantile(np.concatenate([part[name] for part in found]), [_TAIL, 1 - _TAIL])]
    }


def point_metrics(contract: Contract, target: NDArray[Any], answers: Numbers) -> Mapping[str, float]:
    """The metrics of the hold-out, as scikit-learn has them."""
    measure, truth = _measure(contract, target)
    return {name: float(value[0]) for name, value in measure(truth[np.newaxis], answers[np.newaxis]).items()}


def _measure(contract: Contract, target: NDArray[Any]) -> tuple[Measure, NDArray[Any]]:
    """How to measure, and the truth as numbers: a label is its place among the contract's."""
    if contract.is_classification:
        return _of_labels, np.array([contract.labels.index(str(label)) for label in target])
    return _of_numbers, target.astype(np.float64)


def _of_numbers(truth: Numbers, predicted: Numbers) -> dict[str, Numbers]:
    errors = predicted - truth
    squares, sizes = np.square(errors).mean(axis=1), np.abs(errors)
    return {
        "rmse": np.sqrt(squares),
        "mae": sizes.mean(axis=1),
        "r2": 1 - squares / truth.var(axis=1),
        "median_absolute_error": np.median(sizes, axis=1),
    }


def _of_labels(truth: NDArray[np.int64], probabilities: Numbers) -> dict[str, Numbers]:
    answered = probabilities.argmax(axis=2)
    of_truth = np.take_along_axis(probabilities, truth[..., np.newaxis], axis=2)[..., 0]
    return {
        "accuracy": (answered == truth).mean(axis=1),
        "macro_f1": _macro_f1(truth, answered, range(probabilities.shape[2])),
        "log_loss": -np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1)).mean(axis=1),
    }


def _macro_f1(truth: NDArray[np.int64], answered: NDArray[np.int64], labels: range) -> Numbers:
    """The mean over the labels that are there, as truth or as answer."""
    scores = []
    for label in labels:
        is_true, is_answered = truth == label, answered == label
        either = is_true.sum(axis=1) + is_answered.sum(axis=1)
        both = (is_true & is_answered).sum(axis=1)
        scores.append(np.where(either > 0, 2 * both / np.maximum(either, 1), np.nan))
    mean: Numbers = np.nanmean(scores, axis=0)
    return mean
