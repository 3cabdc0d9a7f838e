"""From rows to what is said of them. Knows models, nothing of HTTP or formats."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlplatform.registry import CHAMPION
from mlplatform.runtime import LiveModel
from mlplatform.serving.instances import Instances


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answers of a version to a request.

    `values` is (n,), numbers or labels; `probabilities` (n, labels) for a classification. A warning stands for a
    feature with values that the version never saw in training.
    """

    prediction_id: str
    version: str
    variant: str
    single: bool
    values: NDArray[Any]
    probabilities: NDArray[np.floating] | None
    warnings: list[dict[str, Any]]


def predict(live: LiveModel, instances: Instances, prediction_id: str) -> Prediction:
    """Run the session on the rows of a request."""
    values, probabilities = live.model.run(instances.rows)
    return Prediction(
        prediction_id, live.version, CHAMPION, instances.single, values, probabilities, _warnings(live, instances)
    )


def _warnings(live: LiveModel, instances: Instances) -> list[dict[str, Any]]:
    seen = live.training_range
    if instances.single:
        return [_warning(live, position) for position in seen.unseen(instances.rows[0].tolist())]
    return [
        {**_warning(live, position), "rows": len(rows), "first_row": rows[0]}
        for position, rows in seen.unseen_rows(instances.rows).items()
    ]


def _warning(live: LiveModel, position: int) -> dict[str, Any]:
    seen = live.training_range
    low, high = seen.low[position], seen.high[position]
    return {
        "field": seen.names[position],
        "message": f"outside what version {live.version} saw in training, {low:g} to {high:g}",
        "trained_on": [low, high],
    }
