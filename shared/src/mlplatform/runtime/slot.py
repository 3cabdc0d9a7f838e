"""The place that holds what serves. A swap replaces one reference, so a request sees one version only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import le

import numpy as np

from mlplatform.errors import ModelNotReady
from mlplatform.runtime.session import OnnxModel, Rows
from mlplatform.runtime.split import Split

CHAMPION, CHALLENGER, PINNED = "champion", "challenger", "pinned"
"""The variants: why it is this version that answers."""


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """The least and greatest value of each feature that the version saw in training, in tensor order."""

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def unseen(self, row: Sequence[float]) -> list[int]:
        """The positions of the features of one row that lie outside."""
        if all(map(le, self.low, row)) and all(map(le, row, self.high)):
            return []
        return [
            position
            for position, (value, low, high) in enumerate(zip(row, self.low, self.high, strict=True))
            if not low <= value <= high
        ]

    def unseen_rows(self, rows: Rows) -> dict[int, list[int]]:
        """For each feature with values outside, the numbers of those rows."""
        outside = np.flatnonzero((rows < self.low) | (rows > self.high)).tolist()
        unseen: dict[int, list[int]] = {}
        for place in outside:
            row, position = divmod(place, len(self.names))
            unseen.setdefault(position, []).append(row)
        return dict(sorted(unseen.items()))


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A verified version with all that an answer needs; `size` is that of its file in bytes."""

    version: str
    model: OnnxModel
    training_range: TrainingRange
    variant: str = CHAMPION
    size: int = 0

    def as_variant(self, variant: str) -> "LiveModel":
        """The same version, answering for another reason."""
        return replace(self, variant=variant)


class Slot:
    """Empty until the first version is verified; never empty again.

    `reason` says why it is empty, for people who ask the health endpoint. `split` is none unless a share of the
    requests belongs to the challenger; `challenger` is none while that is not loaded.
    """

    def __init__(self, reason: str) -> None:
        self.live: LiveModel | None = None
        self.challenger: LiveModel | None = None
        self.split: Split | None = None
        self.reason = reason

    def get(self) -> LiveModel:
        """The live model.

        Raises:
            ModelNotReady: none is loaded yet; the message says why.
        """
        if self.live is None:
            raise ModelNotReady(self.reason)
        return self.live

    def swap(self, live: LiveModel) -> None:
        """Requests that began with the old model finish with it."""
        self.live = live
