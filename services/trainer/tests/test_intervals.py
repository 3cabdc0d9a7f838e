"""How far metrics can be trusted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from mlplatform.contracts import HOUSING, IRIS, Contract
from trainer.evaluation import features_and_target, holdout_metrics
from trainer.intervals import intervals, point_metrics
from trainer.recipes import RECIPES


@pytest.mark.parametrize("model", RECIPES)
def test_the_metrics_are_those_of_scikit_learn(model: str, request: pytest.FixtureRequest) -> None:
    rows: pd.DataFrame = request.getfixturevalue(model)
    contract = RECIPES[model].contract
    features, target = features_and_target(contract, rows)
    (make, *_) = RECIPES[model].candidates.values()
    fitted = make().fit(features, target)
    answers = fitted.predict_proba(features) if contract.is_classification else fitted.predict(features)
    found = {f"holdout_{name}": value for name, value in point_metrics(contract, target.to_numpy(), answers).items()}
    assert found == pytest.approx(dict(holdout_metrics(contract, fitted, rows)))


def test_a_label_that_is_never_answered_counts_as_scikit_learn_counts_it(iris: pd.DataFrame) -> None:
    features, target = features_and_target(IRIS, iris)
    dummy = DummyClassifier(strategy="prior").fit(features, target)
    found = point_metrics(IRIS, target.to_numpy(), dummy.predict_proba(features))
    assert found["macro_f1"] == pytest.approx(1 / 6)
    without = iris[iris["species"] != "virginica"]
    few = point_metrics(IRIS, without["species"].to_numpy(), dummy.predict_proba(features)[: len(without)])
    assert few["macro_f1"] == pytest.approx(holdout_metrics(IRIS, dummy, without)["holdout_macro_f1"])


def normal(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows)
    return truth, truth + random.normal(size=rows)


def test_an_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    """Errors of a standard deviation of 1: it should lie within 95 of 100 intervals, give or take."""
    held = 0
    for seed in range(100):
        low, high = intervals(HOUSING, *normal(300, seed), seed=42)["rmse"]
        held += low <= 1 <= high
    assert 88 <= held <= 100


def test_more_rows_make_narrower_intervals() -> None:
    few, many = (intervals(HOUSING, *normal(rows, 1), seed=42)["mae"] for rows in (100, 1_600))
    assert 2 < (few[1] - few[0]) / (many[1] - many[0]) < 8


@pytest.mark.parametrize("contract", [HOUSING, IRIS])
def test_the_value_lies_within_and_the_interval_is_the_same_every_time(contract: Contract) -> None:
    random = np.random.default_rng(3)
    if contract.is_classification:
        truth, answers = random.choice(contract.labels, 40), random.dirichlet([1, 1, 1], 40)
    else:
        truth, answers = normal(40, 3)
    first, again = (intervals(contract, truth, answers, seed=42) for _ in range(2))
    assert first == again
    for name, value in point_metrics(contract, truth, answers).items():
        assert first[name][0] <= value <= first[name][1]


def test_a_metric_of_the_pipeline_has_an_interval(housing: pd.DataFrame) -> None:
    features, target = features_and_target(HOUSING, housing)
    dummy = DummyRegressor().fit(features, target)
    names = {f"holdout_{name}" for name in intervals(HOUSING, target.to_numpy(), dummy.predict(features), seed=1)}
    assert names == set(holdout_metrics(HOUSING, dummy, housing))
