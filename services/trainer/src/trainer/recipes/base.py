"""What a recipe is: everything that makes a model's training its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd
from sklearn.base import BaseEstimator

from mlplatform.contracts import Contract
from trainer.datasets import Source
from trainer.gate.policy import Policy
from trainer.options import Effort


@dataclass(frozen=True)
class Metric:
    """What ranks the candidates.

    Args:
        name: as in `cv_<name>_mean` and `holdout_<name>`.
        scoring: scikit-learn's name of the scorer.
        sign: -1 where the scorer negates an error, so that `sign * score` is the metric itself.
    """

    name: str
    scoring: str
    sign: Literal[-1, 1]

    def rank(self, value: float) -> float:
        """A key under which better values come first."""
        return -self.sign * value


RMSE = Metric(name="rmse", scoring="neg_root_mean_squared_error", sign=-1)
ACCURACY = Metric(name="accuracy", scoring="accuracy", sign=1)


@dataclass(frozen=True)
class Quick:
    """What is left of a recipe when time matters more: the candidates most likely to win, in fewer folds, once."""

    candidates: tuple[str, ...]
    folds: int = 3


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Args:
        contract: what the model promises.
        source: the raw data.
        candidates: for each name a function that makes the unfitted estimator, seeded.
        metric: what ranks them.
        quick: the same with less effort.
        policy: what the gate asks of the winner.
        slices: for rows, and each way to slice them, the name of every row's slice.
        folds: of the cross-validation.
        repeats: how often that is done, with the rows in other folds each time. Of few rows, one division says little.
        feedback_share: of all training rows, the most that may be labelled feedback.
        seed: of the shuffling into folds.
    """

    contract: Contract
    source: Source
    candidates: Mapping[str, Callable[[], BaseEstimator]]
    metric: Metric
    quick: Quick
    policy: Policy
    slices: Callable[[pd.DataFrame], Mapping[str, "pd.Series[str]"]]
    folds: int = 5
    repeats: int = 1
    feedback_share: float = 0.2
    seed: int = 42

    def with_effort(self, effort: Effort) -> "Recipe":
        """The recipe for that effort."""
        if effort is Effort.FULL:
            return self
        chosen = {name: self.candidates[name] for name in self.quick.candidates}
        return replace(self, candidates=chosen, folds=self.quick.folds, repeats=1)

    @property
    def validation_fits(self) -> int:
        """How often each candidate is fitted to be validated."""
        return self.folds * self.repeats
