"""Does the ONNX model answer as the scikit-learn pipeline it was made from?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mlplatform.contracts import Contract
from trainer.errors import ParityCheckFailed
from trainer.evaluation import features_and_target
from trainer.parity_rows import Rows, edge_rows, random_rows, threshold_rows

Predict = Callable[[Rows], tuple[NDArray[Any], NDArray[Any] | None]]
"""Rows (n, features) to predictions (n,) and, for a classification, probabilities (n, labels)."""

TOLERANCE = 1e-5
LABEL_MARGIN = 1e-4
"""Where the two likeliest labels are closer than this, either may be answered."""

_BATCH_SIZES = (1, 2, 17, 1024)
_BATCH_TOLERANCE = 1e-9  # the same model in the same precision: only the order of a sum may differ
_BATCH_ROWS = 2_048
_RANDOM_ROWS = {False: 100_000, True: 10_000}  # by whether it is a classification: those models are slower
_MOST_BRANCHES = 50_000
_SEED = 42


@dataclass
class ParityReport:
    """What was compared and how far apart the answers were.

    An error is relative above 1 and absolute below; for a classification it is that of a probability.

    Args:
        rows: how many rows of each kind were compared.
        branches: how many branches the trees have, and so how many thresholds.
        failed_rows: rows beyond the tolerance, or with another label although the labels are not close.
        label_mismatches: rows with another label although the labels are not close.
        max_error: the greatest error of all.
        worst_row, worst_kind: where it was.
    """

    rows: dict[str, int] = field(default_factory=dict)
    branches: int = 0
    failed_rows: dict[str, int] = field(default_factory=dict)
    label_mismatches: int = 0
    max_error: float = 0.0
    worst_row: list[float] = field(default_factory=list)
    worst_kind: str = ""
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        return not any(self.failed_rows.values())

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def check(
    contract: Contract,
    estimator: BaseEstimator,
    predict: Predict,
    *,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
) -> ParityReport:
    """Compare on the hold-out, on random rows, at the contract's edges, beside every threshold, in all batch sizes.

    Raises:
        ParityCheckFailed: some row is answered differently; the error carries the report.
    """
    report = examine(contract, estimator, predict, train=train, holdout=holdout)
    if not report.passed:
        failed = ", ".join(f"{count} {kind}" for kind, count in report.failed_rows.items() if count)
        raise ParityCheckFailed(
            f"ONNX and scikit-learn differ on {failed} rows, by up to {report.max_error:.3g}", report
        )
    return report


def examine(
    contract: Contract,
    estimator: BaseEstimator,
    predict: Predict,
    *,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
) -> ParityReport:
    """The same without a verdict."""
    seen = features_and_target(contract, train)[0].to_numpy(dtype=np.float64)
    unseen = features_and_target(contract, holdout)[0].to_numpy(dtype=np.float64)
    beside, branches = threshold_rows(estimator, seen, most=_MOST_BRANCHES)
    count = _RANDOM_ROWS[contract.is_classification]
    kinds = {
        "holdout": unseen,
        "random": random_rows(contract, seen, count=count, seed=_SEED),
        "edge": edge_rows(contract, seen),
        "threshold": beside,
    }
    report = ParityReport(branches=branches)
    for kind, rows in kinds.items():
        if len(rows):
            expected = _reference(contract, estimator, rows)
            _compare(report, kind, rows, expected, predict(rows), tolerance=TOLERANCE)
    rows = np.concatenate([unseen, kinds["random"]])[:_BATCH_ROWS]
    whole = predict(rows)
    for size in _BATCH_SIZES:
        batches = [predict(rows[start : start + size]) for start in range(0, len(rows), size)]
        _compare(report, f"batches of {size}", rows, whole, _joined(batches), tolerance=_BATCH_TOLERANCE)
    return report


def _reference(contract: Contract, estimator: BaseEstimator, rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
    frame = pd.DataFrame(rows, columns=list(contract.feature_names))
    if contract.is_classification:
        return estimator.predict(frame), estimator.predict_proba(frame)
    return estimator.predict(frame), None


def _joined(
    batches: list[tuple[NDArray[Any], NDArray[Any] | None]],
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    predictions = np.concatenate([predictions for predictions, _ in batches])
    probabilities = [part for _, part in batches if part is not None]
    return predictions, np.concatenate(probabilities) if probabilities else None


def _compare(
    report: ParityReport,
    kind: str,
    rows: Rows,
    expected: tuple[NDArray[Any], NDArray[Any] | None],
    answered: tuple[NDArray[Any], NDArray[Any] | None],
    *,
    tolerance: float,
) -> None:
    mismatched = np.zeros(len(rows), dtype=bool)
    if expected[1] is None or answered[1] is None:
        with np.errstate(invalid="ignore"):  # an infinite answer is an error like any other
            errors = np.abs(answered[0] - expected[0]) / np.maximum(1.0, np.abs(expected[0]))
    else:
        errors = np.abs(answered[1] - expected[1]).max(axis=1)
        likeliest = np.sort(expected[1], axis=1)
        mismatched = (answered[0] != expected[0]) & (likeliest[:, -1] - likeliest[:, -2] > LABEL_MARGIN)
    errors = np.where(np.isfinite(errors), errors, np.inf)
    report.rows[kind] = len(rows)
    report.failed_rows[kind] = int(((errors > tolerance) | mismatched).sum())
    report.label_mismatches += int(mismatched.sum())
    worst = int(errors.argmax())
    if not report.worst_row or errors[worst] > report.max_error:
        report.max_error = float(errors[worst])
        report.worst_row = rows[worst].tolist()
        report.worst_kind = kind
