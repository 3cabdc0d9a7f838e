"""How a candidate does beside the champion, on the same rows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Losses = NDArray[np.float64]
"""One number for each row: the squared error, or 1 for a wrong label."""

_RESAMPLES = 2_000
_AT_ONCE = 250
_TAIL = 0.025


@dataclass(frozen=True)
class SliceLoss:
    """A part of the rows, and the loss there."""

    rows: int
    loss: float


@dataclass(frozen=True)
class SliceDifference:
    """A part of the rows, and how much worse the candidate does there."""

    name: str
    rows: int
    candidate: float
    champion: float

    @property
    def difference(self) -> float:
        return self.candidate - self.champion


@dataclass(frozen=True)
class Comparison:
    """Loss of both, and the 95 % interval of the difference; a positive difference is to the champion's favour."""

    champion_version: str
    candidate: float
    champion: float
    low: float
    high: float
    slices: tuple[SliceDifference, ...]


def row_losses(target: "pd.Series[float] | pd.Series[str]", predicted: NDArray[np.generic]) -> Losses:
    """What each row adds to the loss."""
    if target.dtype == object:
        losses: Losses = (target.to_numpy() != predicted).astype(np.float64)
    else:
        losses = np.square(target.to_numpy(dtype=np.float64) - predicted.astype(np.float64))
    return losses


def loss(losses: Losses, *, is_classification: bool) -> float:
    """Root mean squared error, or the share of wrong labels."""
    mean = float(losses.mean())
    return mean if is_classification else float(np.sqrt(mean))


def interval(candidate: Losses, champion: Losses, *, is_classification: bool, seed: int) -> tuple[float, float]:
    """The 95 % percentile interval of the difference of the losses, by a paired bootstrap over the rows.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
    """
    random = np.random.default_rng(seed)
    differences = []
    for _ in range(_RESAMPLES // _AT_ONCE):
        rows = random.integers(0, len(candidate), size=(_AT_ONCE, len(candidate)))
        ours, theirs = candidate[rows].mean(axis=1), champion[rows].mean(axis=1)
        differences.append(ours - theirs if is_classification else np.sqrt(ours) - np.sqrt(theirs))
    low, high = np.quantile(np.concatenate(differences), [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def by_slice(
    losses: Losses, slices: Mapping[str, "pd.Series[str]"], *, is_classification: bool
) -> dict[str, SliceLoss]:
    """The loss in each slice, under a name such as `region: north`."""
    found = {}
    for way, names in slices.items():
        for name in sorted(names.unique()):
            inside = losses[(names == name).to_numpy()]
            found[f"{way}: {name}"] = SliceLoss(len(inside), loss(inside, is_classification=is_classification))
    return found


def compare(
    candidate: Losses,
    champion: Losses,
    champion_version: str,
    slices: Mapping[str, "pd.Series[str]"],
    *,
    is_classification: bool,
    seed: int,
) -> Comparison:
    """Both on the same rows, as a whole and slice by slice.

    Args:
        candidate: its losses.
        champion: its losses on the same rows.
        champion_version: its number.
        slices: for each way to slice, the name of every row's slice.
        is_classification: what the losses are.
        seed: of the resampling.
    """
    low, high = interval(candidate, champion, is_classification=is_classification, seed=seed)
    ours, theirs = (by_slice(losses, slices, is_classification=is_classification) for losses in (candidate, champion))
    return Comparison(
        champion_version=champion_version,
        candidate=loss(candidate, is_classification=is_classification),
        champion=loss(champion, is_classification=is_classification),
        low=low,
        high=high,
        slices=tuple(SliceDifference(name, ours[name].rows, ours[name].loss, theirs[name].loss) for name in ours),
    )
