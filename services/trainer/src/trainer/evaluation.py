"""How good a candidate is. Pure: rows in, numbers out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    get_scorer,
    log_loss,
    mean_absolute_error,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.model_selection import BaseCrossValidator, RepeatedKFold, RepeatedStratifiedKFold

from mlplatform.contracts import Contract
from trainer.recipes.base import Metric, Recipe


@dataclass(frozen=True)
class CrossValidation:
    """The metric on each fold of the training rows, measured on rows the fit had not seen."""

    metric: Metric
    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.folds))

    @property
    def std(self) -> float:
        return float(np.std(self.folds))

    def as_metrics(self) -> Mapping[str, float]:
        """Mean and spread under their names in MLflow."""
        return {f"cv_{self.metric.name}_mean": self.mean, f"cv_{self.metric.name}_std": self.std}


def folds_of(recipe: Recipe) -> BaseCrossValidator:
    """How a recipe divides its training rows, in scikit-learn's words; classes keep their shares in every fold."""
    kind = RepeatedStratifiedKFold if recipe.contract.is_classification else RepeatedKFold
    return kind(n_splits=recipe.folds, n_repeats=recipe.repeats, random_state=recipe.seed)


def cross_validate(
    recipe: Recipe, estimator: BaseEstimator, train: pd.DataFrame, begins: Callable[[int], None]
) -> CrossValidation:
    """Fit and score an unfitted estimator on each fold of each repeat.

    As scikit-learn's `cross_val_score`, but calls `begins` with the number of each fold before it is fitted.
    """
    folds = folds_of(recipe)
    features, target = features_and_target(recipe.contract, train)
    scorer = get_scorer(recipe.metric.scoring)
    scores = []
    for number, (seen, unseen) in enumerate(folds.split(features, target), start=1):
        begins(number)
        fitted = clone(estimator).fit(features.iloc[seen], target.iloc[seen])
        scores.append(float(recipe.metric.sign * scorer(fitted, features.iloc[unseen], target.iloc[unseen])))
    return CrossValidation(recipe.metric, tuple(scores))


def holdout_metrics(contract: Contract, estimator: BaseEstimator, holdout: pd.DataFrame) -> Mapping[str, float]:
    """What a fitted estimator scores on rows it never saw, in the unit of the target."""
    features, target = features_and_target(contract, holdout)
    predicted = estimator.predict(features)
    if contract.is_classification:
        scores = {
            "accuracy": accuracy_score(target, predicted),
            "macro_f1": f1_score(target, predicted, average="macro"),
            "log_loss": log_loss(target, estimator.predict_proba(features), labels=list(contract.labels)),
        }
    else:
        scores = {
            "rmse": root_mean_squared_error(target, predicted),
            "mae": mean_absolute_error(target, predicted),
            "r2": r2_score(target, predicted),
            "median_absolute_error": median_absolute_error(target, predicted),
        }
    return {f"holdout_{name}": float(score) for name, score in scores.items()}


def features_and_target(contract: Contract, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The columns in tensor order, and the target."""
    return frame[list(contract.feature_names)], frame[contract.target]
