"""From rows to what is said of them. Knows models, nothing of HTTP or formats."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlplatform.runtime import LiveModel
from mlplatform.serving.instances import Instances, OneRow


@dataclass(slots=True)
class Prediction:
    """The answers of a version to a request.

    `values` is (n,), numbers or labels; `probabilities` (n, labels) for a classification; lists when `single`, arrays
    otherwise. A warning stands for a feature with values that the version never saw in training.
    """

    prediction_id: str
    version: str
    variant: str
    single: bool
    values: list[Any] | NDArray[Any]
    probabilities: list[list[float]] | NDArray[np.floating] | None
    warnings: list[dict[str, Any]]

    def as_lists(self) -> tuple[list[Any], list[list[float]]]:
        """Values and probabilities as plain lists; no probabilities for a regression."""
        probabilities = [] if self.probabilities is None else self.probabilities
        return np.asarray(self.values).tolist(), np.asarray(probabilities).tolist()


def check_finite(
    version: str, values: Sequence[Any] | NDArray[Any], probabilities: Sequence[Sequence[float]] | NDArray[Any] | None
) -> None:
    """Let only numbers out: JSON has no words for what is none.

    Raises:
        ArithmeticError: there is one that is not finite.
    """
    if isinstance(values, np.ndarray):
        total = values.sum() if probabilities is None else np.sum(probabilities)
    else:
        total = sum(map(sum, probabilities)) if probabilities else sum(values)
    if not isfinite(total):
        raise ArithmeticError(f"version {version} answers with what is no number")


def predict(live: LiveModel, instances: Instances, prediction_id: str) -> Prediction:
    """Run the session on the rows of a request.

    Raises:
        ArithmeticError: some answer is no number.
    """
    if isinstance(instances, OneRow):
        [prediction] = predict_few(live, [instances], [prediction_id])
        return prediction
    values, probabilities = live.model.run(instances.matrix)
    check_finite(live.version, values, probabilities)
    warnings = [
        {**_warning(live, position), "rows": len(rows), "first_row": rows[0]}
        for position, rows in live.training_range.unseen_rows(instances.matrix).items()
    ]
    return Prediction(prediction_id, live.version, live.variant, False, values, probabilities, warnings)


def predict_few(live: LiveModel, rows: Sequence[OneRow], prediction_ids: Sequence[str]) -> list[Prediction]:
    """Run the session once on the rows of up to `FEW` requests; a prediction for each, in their order.

    Raises:
        ArithmeticError: some answer is no number.
    """
    values, probabilities = live.model.run_few([row.values for row in rows])
    check_finite(live.version, values, probabilities)
    return [
        Prediction(
            prediction_id,
            live.version,
            live.variant,
            True,
            [values[index]],
            [probabilities[index]] if probabilities else None,
            [_warning(live, position) for position in live.training_range.unseen(row.values)],
        )
        for index, (row, prediction_id) in enumerate(zip(rows, prediction_ids, strict=True))
    ]


def _warning(live: LiveModel, position: int) -> dict[str, Any]:
    seen = live.training_range
    low, high = seen.low[position], seen.high[position]
    return {
        "field": seen.names[position],
        "message": f"outside what version {live.version} saw in training, {low:g} to {high:g}",
        "trained_on": [low, high],
    }
