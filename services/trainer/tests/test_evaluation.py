"""Scores of candidates."""

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import KFold, RepeatedStratifiedKFold, cross_val_score

from mlplatform.contracts import HOUSING, IRIS
from trainer.evaluation import CrossValidation, cross_validate, features_and_target, holdout_metrics
from trainer.recipes import ACCURACY, RECIPES, RMSE


def houses(*values: float) -> pd.DataFrame:
    return pd.DataFrame([{**HOUSING.example, "MedHouseVal": value} for value in values])


def nobody(_fold: int) -> None:
    """Does not care."""


def test_an_error_is_reported_as_a_positive_number() -> None:
    validation = cross_validate(RECIPES["housing"], DummyRegressor(), houses(*[1.0, 3.0] * 10), nobody)
    assert len(validation.folds) == 5
    assert validation.mean == pytest.approx(1.0, abs=0.2)
    assert set(validation.as_metrics()) == {"cv_rmse_mean", "cv_rmse_std"}


@pytest.mark.parametrize("model", RECIPES)
def test_every_fold_is_announced_before_it_is_fitted_and_scored_as_scikit_learn_does(
    model: str, request: pytest.FixtureRequest
) -> None:
    rows: pd.DataFrame = request.getfixturevalue(model)
    recipe = RECIPES[model]
    (make, *_) = recipe.candidates.values()
    begun: list[int] = []
    validation = cross_validate(recipe, make(), rows, begun.append)
    folds = {
        "housing": KFold(n_splits=5, shuffle=True, random_state=recipe.seed),
        "iris": RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=recipe.seed),
    }[model]
    expected = cross_val_score(
        make(), *features_and_target(recipe.contract, rows), scoring=recipe.metric.scoring, cv=folds
    )
    assert validation.folds == tuple(recipe.metric.sign * expected)
    assert begun == [*range(1, len(expected) + 1)]


def test_a_fold_that_must_not_begin_is_not_fitted() -> None:
    class CalledOff(Exception):
        pass

    def only_two(fold: int) -> None:
        if fold == 3:
            raise CalledOff

    fits: list[int] = []

    class Counting(DummyRegressor):  # type: ignore[misc] # sklearn has no types
        def fit(self, features: pd.DataFrame, target: "pd.Series[float]") -> DummyRegressor:
            fits.append(len(features))
            return super().fit(features, target)

    with pytest.raises(CalledOff):
        cross_validate(RECIPES["housing"], Counting(), houses(*[1.0, 3.0] * 10), only_two)
    assert fits == [16, 16]


def test_mean_and_spread_are_those_of_the_folds() -> None:
    validation = CrossValidation(ACCURACY, (0.9, 1.0))
    assert validation.as_metrics() == pytest.approx({"cv_accuracy_mean": 0.95, "cv_accuracy_std": 0.05})


def test_better_ranks_first_whether_high_or_low_is_better() -> None:
    assert RMSE.rank(0.4) < RMSE.rank(0.5)
    assert ACCURACY.rank(0.9) < ACCURACY.rank(0.8)


def test_a_regression_is_measured_in_the_unit_of_its_target() -> None:
    model = DummyRegressor(strategy="constant", constant=2.0).fit([[0.0]], [2.0])
    assert holdout_metrics(HOUSING, model, houses(1.0, 2.0, 4.0, 2.0)) == pytest.approx(
        {
            "holdout_rmse": (5 / 4) ** 0.5,
            "holdout_mae": 0.75,
            "holdout_r2": 1 - 5 / 4.75,
            "holdout_median_absolute_error": 0.5,
        }
    )


def test_a_classification_is_measured_by_labels_and_probabilities() -> None:
    rows = pd.DataFrame([{**IRIS.example, "species": label} for label in IRIS.labels])
    features = rows[list(IRIS.feature_names)]
    metrics = holdout_metrics(IRIS, DummyClassifier(strategy="prior").fit(features, rows["species"]), rows)
    assert metrics["holdout_accuracy"] == pytest.approx(1 / 3)
    assert metrics["holdout_macro_f1"] == pytest.approx(1 / 6)
    assert metrics["holdout_log_loss"] == pytest.approx(1.0986, abs=1e-4)
