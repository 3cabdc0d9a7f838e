from dataclasses import replace

import onnx
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlplatform.contracts import CONTRACTS, HOUSING, IRIS, Contract
from mlplatform.errors import UnloadableModel
from mlplatform.registry.manifest import GoldenRows, Manifest
from trainer.export import to_onnx
from trainer.gate.signature import declared, promised


def manifest(contract: Contract) -> Manifest:
    row = list(contract.example.values())
    return Manifest(
        model=contract.model,
        features=list(contract.feature_names),
        labels=list(contract.labels),
        onnx_sha256="0" * 64,
        onnx_bytes=1,
        training_range=dict.fromkeys(contract.feature_names, (0, 1)),
        golden=GoldenRows(
            rows=[row],
            predictions=["setosa"] if contract.labels else [1.0],
            probabilities=[[1.0, 0.0, 0.0]] if contract.labels else [],
        ),
    )


def fitted(contract: Contract, kind: type, **settings: object) -> bytes:
    rows = [[index + column for column in range(len(contract.feature_names))] for index in range(6)]
    target = [*contract.labels, *contract.labels] if contract.labels else [float(index) for index in range(6)]
    return to_onnx(contract, kind(**settings).fit(rows, target))


def test_a_contract_promises_its_features_labels_and_the_platforms_tensors() -> None:
    assert promised(HOUSING).features == HOUSING.feature_names
    assert promised(HOUSING).inputs == ("features: double [?, 8]",)
    assert promised(HOUSING).outputs == ("prediction: number [?, 1]",)
    assert promised(IRIS).outputs == ("label: string [?]", "probabilities: number [?, 3]")


@pytest.mark.parametrize(
    ("contract", "data"),
    [
        (HOUSING, fitted(HOUSING, LinearRegression)),  # answers in double
        (HOUSING, fitted(HOUSING, RandomForestRegressor, n_estimators=2)),  # in float
        (IRIS, fitted(IRIS, LogisticRegression, C=0.1)),
    ],
)
def test_what_the_pipeline_exports_is_what_the_contract_promises(contract: Contract, data: bytes) -> None:
    assert declared(manifest(contract), data).differences(promised(contract), "the contract") == ()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("field", ["features", "labels", "inputs", "outputs"])
def test_every_difference_is_told_in_words(contract: Contract, field: str) -> None:
    wanted = promised(contract)
    other = replace(wanted, **{field: ("x: double [?, 4]",)})
    (told,) = other.differences(wanted, "version 3")
    assert told.startswith(f"its {field} are (x: double [?, 4]), those of version 3 (")


def test_features_in_another_order_are_other_features() -> None:
    wanted = promised(IRIS)
    turned = replace(wanted, features=tuple(reversed(wanted.features)))
    assert "petal_width, petal_length" in turned.differences(wanted, "the contract")[0]


def test_an_input_of_another_type_is_seen() -> None:
    narrow = onnx.load_from_string(fitted(IRIS, LogisticRegression, C=0.1))
    narrow.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    found = declared(manifest(IRIS), narrow.SerializeToString())
    assert found.inputs == ("features: float [?, 4]",)
    assert len(found.differences(promised(IRIS), "the contract")) == 1


def test_what_is_no_onnx_model_is_refused() -> None:
    with pytest.raises(UnloadableModel):
        declared(manifest(IRIS), b"\xff\xff\xff")
