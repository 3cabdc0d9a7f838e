"""scikit-learn to ONNX."""

import onnx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.runtime.session import FEW, OnnxModel
from trainer.errors import ExportFailed
from trainer.evaluation import features_and_target
from trainer.export import to_onnx
from trainer.recipes import RECIPES


class Unheard(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A regressor no converter knows."""

    def fit(self, features: pd.DataFrame, target: pd.Series) -> "Unheard":
        self.fitted_ = len(features) + len(target)
        return self


@pytest.mark.parametrize("name", RECIPES["iris"].candidates)
def test_every_iris_candidate_gets_the_fixed_signature(name: str, iris: pd.DataFrame) -> None:
    estimator = RECIPES["iris"].candidates[name]().fit(*features_and_target(IRIS, iris))
    OnnxModel(IRIS, to_onnx(IRIS, estimator))


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        RandomForestRegressor(n_estimators=3, max_depth=4, random_state=0),
        ExtraTreesRegressor(n_estimators=3, max_depth=4, random_state=0),
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
    ],
)
def test_every_kind_of_regression_gets_the_fixed_signature(estimator: BaseEstimator, housing: pd.DataFrame) -> None:
    estimator.fit(*features_and_target(HOUSING, housing))
    OnnxModel(HOUSING, to_onnx(HOUSING, estimator))


def test_thresholds_of_boosted_trees_keep_double_precision(housing: pd.DataFrame) -> None:
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0)
    model.fit(*features_and_target(HOUSING, housing))
    (node,) = onnx.load_from_string(to_onnx(HOUSING, model)).graph.node
    written = {a.name: onnx.numpy_helper.to_array(a.t) for a in node.attribute if a.type == a.TENSOR}
    assert {values.dtype.name for values in written.values()} == {"float64"}
    assert set(model._predictors[0][0].nodes["num_threshold"]) <= set(written["nodes_values_as_tensor"])


def test_the_same_model_gives_the_same_bytes(housing: pd.DataFrame) -> None:
    model = RandomForestRegressor(n_estimators=3, max_depth=4, random_state=0)
    model.fit(*features_and_target(HOUSING, housing))
    assert to_onnx(HOUSING, model) == to_onnx(HOUSING, model)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(n_estimators=3, max_depth=4, random_state=0),
        HistGradientBoostingRegressor(max_iter=100, random_state=0),
    ],
)
def test_trees_answer_rows_together_to_the_bit_as_each_alone(estimator: BaseEstimator, housing: pd.DataFrame) -> None:
    features, target = features_and_target(HOUSING, housing)
    model = OnnxModel(HOUSING, to_onnx(HOUSING, estimator.fit(features, target)))
    rows = features.to_numpy(dtype=float).tolist()[:FEW]
    assert model.run_few(rows)[0] == [model.run_few([row])[0][0] for row in rows]


def test_what_onnx_cannot_express_is_refused(housing: pd.DataFrame) -> None:
    model = Unheard().fit(*features_and_target(HOUSING, housing))
    with pytest.raises(ExportFailed, match="ONNX cannot express"):
        to_onnx(HOUSING, model)


def test_a_model_of_the_wrong_kind_is_refused(iris: pd.DataFrame) -> None:
    assert issubclass(LogisticRegression, ClassifierMixin)
    model = LogisticRegression(max_iter=500).fit(*features_and_target(IRIS, iris))
    with pytest.raises(ExportFailed, match="does not answer what 'housing' promises"):
        to_onnx(HOUSING, model)


def test_labels_in_another_order_than_the_contract_are_refused(iris: pd.DataFrame) -> None:
    features, target = features_and_target(IRIS, iris)
    model = LogisticRegression(max_iter=500).fit(features, target.str.upper())
    with pytest.raises(ExportFailed, match="the contract says"):
        to_onnx(IRIS, model)
