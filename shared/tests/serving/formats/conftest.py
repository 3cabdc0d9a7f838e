from collections.abc import Callable

import numpy as np
import pytest

from mlplatform.contracts import Contract
from mlplatform.serving.instances import Instances, ManyRows
from mlplatform.serving.prediction import Prediction

MAX_ROWS = 1_000


def rows_of(contract: Contract, count: int) -> list[dict[str, float]]:
    """Different valid rows."""
    return [{name: value * (1 - n / 10_000) for name, value in contract.example.items()} for n in range(count)]


def assert_are(instances: Instances, rows: list[dict[str, float]]) -> None:
    """Many rows were sent, and these."""
    assert isinstance(instances, ManyRows)
    np.testing.assert_array_equal(instances.matrix, np.array([list(row.values()) for row in rows]))


@pytest.fixture
def prediction() -> Callable[..., Prediction]:
    def make(contract: Contract, count: int, *, single: bool = False) -> Prediction:
        probabilities = np.tile([0.5, 0.3, 0.2], (count, 1)) if contract.is_classification else None
        values = np.array(["setosa"] * count, dtype=object) if contract.is_classification else np.arange(count) + 0.5
        if single:
            return Prediction("id-1", "3", "champion", True, values.tolist(), None, [])
        return Prediction("id-1", "3", "champion", False, values, probabilities, [])

    return make
