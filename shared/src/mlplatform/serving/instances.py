"""Rows of features, and the short way to tell that they keep the contract."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from os import sched_yield
from typing import Any

import numpy as np
import orjson

from mlplatform.contracts import Contract
from mlplatform.runtime.session import Rows
from mlplatform.serving.violations import too_many_rows

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

    def json(self, pieces: Iterable[bytes], max_rows: int) -> Rows | None:
        """JSON objects, separated by commas and cut into pieces, as rows; none in doubt.

        Parser, checks and array hold the interpreter lock, so all are done with one piece before the next, and a short
        piece keeps the lock from the event loop for a fraction of a millisecond. The core is offered after each, too.

        Raises:
            BodyTooLarge: there are more than `max_rows`.
        """
        tables: list[Rows] = []
        left = max_rows
        for piece in pieces:
            try:
                objects = orjson.loads(b"[%b]" % piece)
            except orjson.JSONDecodeError:
                return None
            left -= len(objects)
            if left < 0:
                raise too_many_rows(max_rows)
            # Two quotes a key, as long as no key stands twice and no value is a text.
            rows = self._objects(objects) if piece.count(b'"') == 2 * self._width * len(objects) else None
            if rows is None:
                return None
            tables.append(rows)
            sched_yield()
        return np.concatenate(tables) if tables else None

    def _objects(self, objects: Sequence[Any]) -> Rows | None:
        if not objects:
            return None
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
