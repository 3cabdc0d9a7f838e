"""Rows on which an ONNX model and its scikit-learn pipeline are most likely to differ."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from skl2onnx.sklapi import CastTransformer
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from mlplatform.contracts import Contract

Rows = NDArray[np.float64]

_SLIGHTLY = 0.1  # of the training range, how far random rows go beyond it


def random_rows(contract: Contract, train: Rows, *, count: int, seed: int) -> Rows:
    """Rows (count, features), uniform over the training range and a little more, within the contract."""
    least, greatest = train.min(axis=0), train.max(axis=0)
    margin = _SLIGHTLY * (greatest - least)
    rows = np.random.default_rng(seed).uniform(least - margin, greatest + margin, (count, train.shape[1]))
    return np.clip(rows, *_bounds(contract))


def edge_rows(contract: Contract, train: Rows) -> Rows:
    """A median row with each feature in turn at zero, minus zero, and the ends of contract and training data."""
    lower, upper = _bounds(contract)
    rows = []
    for feature in range(train.shape[1]):
        ends = (lower[feature], upper[feature], train[:, feature].min(), train[:, feature].max())
        zeros = (0.0, -0.0) if lower[feature] <= 0.0 <= upper[feature] else ()
        for value in (*ends, *zeros):
            row = np.median(train, axis=0)
            row[feature] = value
            rows.append(row)
    return np.array([*rows, lower, upper])


def threshold_rows(estimator: BaseEstimator, train: Rows, *, most: int) -> tuple[Rows, int]:
    """Rows that reach a branch of a tree with its feature at the threshold or one step beside it.

    Six rows a branch: the threshold and its neighbours, in float64 and in float32. Only where the trees see the
    raw features or a cast of them. Beyond `most` branches an even share of them is taken.

    Returns:
        The rows (6 * branches taken, features), and how many branches there are.
    """
    branches = [branch for nodes in _trees(estimator) for branch in _branches(nodes, train)]
    taken = branches[:: max(1, -(-len(branches) // most))]
    rows = [_beside(row, feature, threshold) for row, feature, threshold in taken]
    return np.concatenate(rows) if rows else np.empty((0, train.shape[1])), len(branches)


def _beside(row: Rows, feature: int, threshold: float) -> Rows:
    narrow = np.float32(threshold)
    wide = np.float64(threshold)
    rows = np.repeat(row[np.newaxis], 6, axis=0)
    rows[:, feature] = [
        wide,
        np.nextafter(wide, np.inf),
        np.nextafter(wide, -np.inf),
        narrow,
        np.nextafter(narrow, np.float32(np.inf)),
        np.nextafter(narrow, np.float32(-np.inf)),
    ]
    return rows


def _trees(estimator: BaseEstimator) -> Iterator[list[tuple[int, float, int, int]]]:
    """Each tree as a list of (feature, threshold, left, right); a leaf has the feature -1."""
    model = estimator
    if isinstance(estimator, Pipeline):
        *before, model = [step for _, step in estimator.steps]
        if not all(isinstance(step, CastTransformer) for step in before):
            return  # a threshold on scaled features has no exact place among the raw ones
    if hasattr(model, "estimators_"):
        for member in np.ravel(model.estimators_):
            if hasattr(member, "tree_"):
                tree: Any = member.tree_
                columns = (tree.feature, tree.threshold, tree.children_left, tree.children_right)
                yield [
                    (int(f) if left >= 0 else -1, float(t), int(left), int(right))
                    for f, t, left, right in zip(*columns, strict=True)
                ]
    for trees in getattr(model, "_predictors", []):
        for tree in trees:
            yield [
                (
                    -1 if n["is_leaf"] else int(n["feature_idx"]),
                    float(n["num_threshold"]),
                    int(n["left"]),
                    int(n["right"]),
                )
                for n in tree.nodes
            ]


def _branches(nodes: list[tuple[int, float, int, int]], train: Rows) -> Iterator[tuple[Rows, int, float]]:
    """For each branch a row that reaches it, made from a training row by moving what would lead it astray."""
    free = np.full(train.shape[1], np.inf)
    pending = [(0, -free, free)]
    while pending:
        index, lower, upper = pending.pop()
        feature, threshold, left, right = nodes[index]
        if feature < 0:
            continue
        row = np.clip(train[index % len(train)], _within(lower, np.inf), _within(upper, -np.inf))
        yield row, feature, threshold
        below, above = upper.copy(), lower.copy()
        below[feature] = above[feature] = threshold
        pending += [(left, lower, below), (right, above, upper)]


def _within(limits: Rows, inwards: float) -> Rows:
    """A little inwards of each limit: still on that side of it once cast to float32."""
    narrow = limits.astype(np.float32)
    for _ in range(2):
        narrow = np.where(np.isfinite(narrow), np.nextafter(narrow, np.float32(inwards)), narrow)
    return narrow.astype(np.float64)


def _bounds(contract: Contract) -> tuple[Rows, Rows]:
    """The least and the greatest value the contract lets through, for each feature."""
    lower, upper = [], []
    for name, field in contract.features.model_fields.items():
        least, greatest = -np.inf, np.inf
        for bound in field.metadata:
            match bound:
                case Ge(ge=value):
                    least = float(value)  # type: ignore[arg-type] # the features are floats
                case Gt(gt=value):
                    least = float(np.nextafter(float(value), np.inf))  # type: ignore[arg-type] # as above
                case Le(le=value):
                    greatest = float(value)  # type: ignore[arg-type] # as above
                case Lt(lt=value):
                    greatest = float(np.nextafter(float(value), -np.inf))  # type: ignore[arg-type] # as above
        if not np.isfinite([least, greatest]).all():
            raise ValueError(f"{contract.model}: {name} has no bounds to stay within")
        lower.append(least)
        upper.append(greatest)
    return np.array(lower), np.array(upper)
