import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from shared.tests.conftest import classification_onnx, regression_onnx

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import SignatureMismatch, UnloadableModel
from mlplatform.runtime import OnnxModel
from mlplatform.runtime.session import FEW

REGRESSION = OnnxModel(HOUSING, regression_onnx(weight=2.0))


def test_a_regression_answers_a_number_for_each_row() -> None:
    model = OnnxModel(HOUSING, regression_onnx(weight=2.0))
    answer = model.predict(np.array([[1.0] * 8, [2.0] * 8]))
    assert answer.predictions == [16.0, 32.0]
    assert answer.probabilities == []


def test_a_classification_answers_a_label_and_its_probabilities_for_each_row() -> None:
    answer = OnnxModel(IRIS, classification_onnx("virginica")).predict(np.ones((2, 4)))
    assert answer.predictions == ["virginica", "virginica"]
    assert answer.probabilities == [[0.5, 0.3, 0.2]] * 2


@pytest.mark.parametrize("data", [b"", b"not onnx", regression_onnx()[:100]], ids=["empty", "text", "truncated"])
def test_a_file_that_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(UnloadableModel):
        OnnxModel(HOUSING, data)


@pytest.mark.parametrize(
    "data", [regression_onnx(features=7), regression_onnx(name="x")], ids=["a feature too few", "another input name"]
)
def test_a_model_with_other_inputs_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureMismatch, match="inputs"):
        OnnxModel(HOUSING, data)


def test_a_model_without_the_outputs_of_the_contract_is_refused() -> None:
    with pytest.raises(SignatureMismatch, match="probabilities"):
        OnnxModel(IRIS, regression_onnx(features=4))


@given(rows=lists(lists(integers(-1_000, 1_000).map(float), min_size=8, max_size=8), min_size=1, max_size=FEW))
def test_a_few_rows_are_answered_as_each_of_them_alone(rows: list[list[float]]) -> None:
    together = REGRESSION.run_few(rows)
    assert together == ([REGRESSION.run_few([row])[0][0] for row in rows], None)
    assert together[0] == REGRESSION.predict(np.array(rows)).predictions


def test_a_few_rows_of_a_classification_have_a_label_and_probabilities_each() -> None:
    model = OnnxModel(IRIS, classification_onnx("virginica"))
    assert model.run_few([[1.0] * 4] * 3) == (["virginica"] * 3, [[0.5, 0.3, 0.2]] * 3)
