"""Rows of features, and the short way to tell that they keep the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from mlplatform.contracts import Contract
from mlplatform.runtime.session import Rows

_NUMBERS = frozenset({float, int})


@dataclass(slots=True)
class OneRow:
    """One object was sent, and one is to be returned."""

    values: tuple[float, ...]

    def __len__(self) -> int:
        return 1


@dataclass(slots=True)
class ManyRows:
    """Rows (n, features) in the order sent."""

    matrix: Rows

    def __len__(self) -> int:
        return len(self.matrix)


Instances = OneRow | ManyRows


class QuickCheck:
    """Says yes only to rows that the contract's model accepts too, without an object for each of them.

    Whoever hears none asks the contract's model itself, which names what is wrong.
    """

    def __init__(self, contract: Contract) -> None:
        names = contract.feature_names
        self._width = len(names)
        self._values = itemgetter(*names)
        low, high = contract.bounds
        self._low, self._high = np.array(low), np.array(high)

    def objects(self, objects: Sequence[Any]) -> Rows | None:
        """Parsed JSON objects as rows; none in doubt."""
        try:
            values = list(map(self._values, objects))
            exact = all(len(row) == self._width for row in objects)
        except (KeyError, TypeError):
            return None
        if not exact or not set(map(type, chain.from_iterable(values))) <= _NUMBERS:
            return None
        try:
            return self.matrix(np.array(values, dtype=np.float64))
        except OverflowError:  # a whole number beyond every float
            return None

    def matrix(self, rows: Rows) -> Rows | None:
        """The rows themselves when every value lies within the bounds, which no NaN does; none otherwise."""
        return rows if bool(((rows >= self._low) & (rows <= self._high)).all()) else None
