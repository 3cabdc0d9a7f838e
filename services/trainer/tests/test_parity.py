"""Whether the parity check sees what it must see."""

import json
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.runtime.session import OnnxModel
from trainer.datasets import Split, split
from trainer.errors import ParityCheckFailed
from trainer.evaluation import features_and_target
from trainer.export import to_onnx
from trainer.parity import Predict, check, examine
from trainer.parity_rows import Rows, edge_rows, random_rows, threshold_rows
from trainer.recipes import RECIPES


@pytest.fixture(scope="module")
def houses(housing: pd.DataFrame) -> Split:
    return split(HOUSING, housing)


@pytest.fixture(scope="module")
def flowers(iris: pd.DataFrame) -> Split:
    return split(IRIS, iris)


@pytest.fixture(scope="module")
def boosting(houses: Split) -> BaseEstimator:
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0)
    return model.fit(*features_and_target(HOUSING, houses.train))


def with_float32_thresholds(content: bytes) -> bytes:
    """The same trees as skl2onnx writes them: thresholds rounded to float32."""
    model = onnx.load_from_string(content)
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "nodes_values_as_tensor":
            rounded = onnx.numpy_helper.to_array(attribute.t).astype(np.float32).astype(np.float64)
            attribute.t.CopyFrom(onnx.numpy_helper.from_array(rounded, attribute.t.name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), Ridge()),
        RandomForestRegressor(n_estimators=5, max_depth=6, random_state=0),
        ExtraTreesRegressor(n_estimators=5, max_depth=6, random_state=0),
        HistGradientBoostingRegressor(max_iter=20, random_state=0),
    ],
)
def test_exported_regressions_answer_alike(estimator: BaseEstimator, houses: Split) -> None:
    estimator.fit(*features_and_target(HOUSING, houses.train))
    model = OnnxModel(HOUSING, to_onnx(HOUSING, estimator))
    report = check(HOUSING, estimator, model.run, train=houses.train, holdout=houses.holdout)
    assert report.max_error < 1e-6
    assert report.rows["random"] == 100_000


@pytest.mark.parametrize("name", ["logistic_regression", "support_vectors", "random_forest"])
def test_exported_classifications_answer_alike(name: str, flowers: Split) -> None:
    estimator = RECIPES["iris"].candidates[name]().fit(*features_and_target(IRIS, flowers.train))
    model = OnnxModel(IRIS, to_onnx(IRIS, estimator))
    report = check(IRIS, estimator, model.run, train=flowers.train, holdout=flowers.holdout)
    assert report.label_mismatches == 0
    assert bool(report.branches) == (name == "random_forest")


def test_thresholds_rounded_to_float32_are_found_out(boosting: BaseEstimator, houses: Split) -> None:
    model = OnnxModel(HOUSING, with_float32_thresholds(to_onnx(HOUSING, boosting)))
    with pytest.raises(ParityCheckFailed) as refusal:
        check(HOUSING, boosting, model.run, train=houses.train, holdout=houses.holdout)
    report = examine(HOUSING, boosting, model.run, train=houses.train, holdout=houses.holdout)
    assert refusal.value.report == report
    assert report.failed_rows["threshold"] > 100
    assert report.worst_kind == "threshold"


def altered(predict: Predict, row: int, by: float) -> Predict:
    """The same answers but for one row of each call with many."""

    def answer(rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        predictions, probabilities = predict(rows)
        if len(rows) > row:
            predictions = predictions.astype(np.float64)
            predictions[row] += by
        return predictions, probabilities

    return answer


@pytest.mark.parametrize("by", [1e-3, float("nan"), float("inf")])
def test_one_wrong_answer_among_thousands_fails(by: float, boosting: BaseEstimator, houses: Split) -> None:
    predict = altered(OnnxModel(HOUSING, to_onnx(HOUSING, boosting)).run, row=7, by=by)
    with pytest.raises(ParityCheckFailed, match="1 holdout"):
        check(HOUSING, boosting, predict, train=houses.train, holdout=houses.holdout)


def test_answers_that_depend_on_the_batch_fail(boosting: BaseEstimator, houses: Split) -> None:
    model = OnnxModel(HOUSING, to_onnx(HOUSING, boosting))

    def predict(rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        predictions, probabilities = model.run(rows)
        return predictions + (1e-6 if len(rows) == 17 else 0.0), probabilities

    report = examine(HOUSING, boosting, predict, train=houses.train, holdout=houses.holdout)
    assert [kind for kind, count in report.failed_rows.items() if count] == ["batches of 17"]


def test_another_label_fails_unless_the_labels_are_close(flowers: Split) -> None:
    estimator = RECIPES["iris"].candidates["logistic_regression"]()
    estimator.fit(*features_and_target(IRIS, flowers.train))

    def mislabelled(rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
        frame = pd.DataFrame(rows, columns=list(IRIS.feature_names))
        return np.full(len(rows), "setosa"), estimator.predict_proba(frame)

    report = examine(IRIS, estimator, mislabelled, train=flowers.train, holdout=flowers.holdout)
    assert report.max_error < 1e-12
    assert report.failed_rows["holdout"] == 20


def test_threshold_rows_reach_their_branch(houses: Split) -> None:
    features, target = features_and_target(HOUSING, houses.train)
    tree = RandomForestRegressor(n_estimators=1, max_depth=5, bootstrap=False, random_state=0).fit(features, target)
    rows, branches = threshold_rows(tree, features.to_numpy(), most=1_000)
    paths = tree.estimators_[0].decision_path(rows.astype(np.float32)).toarray()
    inner = tree.estimators_[0].tree_.children_left >= 0
    assert branches == inner.sum()
    assert (paths.sum(axis=0)[inner] >= 6).all()


def test_too_many_branches_are_thinned_out_and_counted(boosting: BaseEstimator, houses: Split) -> None:
    rows = features_and_target(HOUSING, houses.train)[0].to_numpy()
    thinned, branches = threshold_rows(boosting, rows, most=100)
    assert len(thinned) <= 600
    assert branches > 400


def test_made_up_rows_stay_within_the_contract(flowers: Split) -> None:
    train = features_and_target(IRIS, flowers.train)[0].to_numpy()
    for rows in (random_rows(IRIS, train, count=1_000, seed=1), edge_rows(IRIS, train)):
        for row in rows.tolist():
            IRIS.features.model_validate(dict(zip(IRIS.feature_names, row, strict=True)))


def test_a_report_can_be_kept_as_json(boosting: BaseEstimator, houses: Split) -> None:
    model = OnnxModel(HOUSING, to_onnx(HOUSING, boosting))
    report = check(HOUSING, boosting, model.run, train=houses.train, holdout=houses.holdout)
    assert json.loads(json.dumps(report.as_json()))["passed"] is True
