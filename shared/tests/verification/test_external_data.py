import pytest
from onnx import ModelProto
from shared.tests.conftest import classification_onnx, regression_onnx
from shared.tests.verification.models import endless_onnx, external_onnx

from mlplatform.errors import ExternalData, UnloadableModel
from mlplatform.verification.external_data import refuse_external_data


@pytest.mark.parametrize("model", [regression_onnx(), classification_onnx(), endless_onnx(), b""])
def test_a_model_that_holds_its_weights_itself_passes(model: bytes) -> None:
    refuse_external_data(model)


@pytest.mark.parametrize("inside_subgraph", [False, True])
def test_a_model_that_reaches_for_another_file_is_refused_however_deep_it_does(*, inside_subgraph: bool) -> None:
    with pytest.raises(ExternalData):
        refuse_external_data(external_onnx(inside_subgraph=inside_subgraph))


def test_a_location_alone_is_enough_to_be_refused() -> None:
    model = ModelProto.FromString(regression_onnx())
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(ExternalData):
        refuse_external_data(model.SerializeToString())


@pytest.mark.parametrize("length", [1, 20, 60, 100])
def test_a_truncated_model_is_no_onnx_file(length: int) -> None:
    with pytest.raises(UnloadableModel):
        refuse_external_data(regression_onnx()[:length])


@pytest.mark.parametrize("model", [b"not onnx", b"\xff" * 20, b"\x3b\x3b"])
def test_what_is_no_onnx_file_is_refused(model: bytes) -> None:
    with pytest.raises(UnloadableModel):
        refuse_external_data(model)
