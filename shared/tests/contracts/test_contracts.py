import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlplatform.contracts import CONTRACTS, HOUSING, IRIS, Contract, contract_of
from mlplatform.errors import UnknownModel

contracts = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())


def problems(contract: Contract, row: Mapping[str, object]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        contract.features.model_validate_json(json.dumps(row))
    return {str(error["loc"][0]): error["type"] for error in caught.value.errors()}


@contracts
def test_the_example_of_a_contract_is_valid(contract: Contract) -> None:
    assert contract.features.model_validate(dict(contract.example)).__dict__ == contract.example


@contracts
def test_every_feature_tells_its_description_unit_and_example(contract: Contract) -> None:
    for field in contract.features.model_fields.values():
        assert field.description
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["unit"]
        assert field.examples


@contracts
def test_values_come_out_in_tensor_order_however_they_were_sent(contract: Contract) -> None:
    shuffled = dict(reversed(list(contract.example.items())))
    row = contract.features.model_validate_json(json.dumps(shuffled))
    assert tuple(row.__dict__) == contract.feature_names


def test_the_tensor_order_of_housing_is_that_of_the_dataset() -> None:
    assert HOUSING.feature_names == (
        "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude",
    )  # fmt: skip


def test_every_offending_field_is_named_at_once() -> None:
    bad = {**HOUSING.example, "Population": -1, "Latitude": 200, "MedInc": "8.3", "Colour": "red"}
    assert problems(HOUSING, bad) == {
        "MedInc": "float_type",
        "Population": "greater_than_equal",
        "Latitude": "less_than_equal",
        "Colour": "extra_forbidden",
    }


@contracts
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"5"', "true", "null", "1e400", "[]", "{}"])
def test_what_is_no_finite_number_is_refused(contract: Contract, value: str) -> None:
    name = contract.feature_names[0]
    row = json.dumps({**contract.example, name: "@"}).replace('"@"', value)
    with pytest.raises(ValidationError):
        contract.features.model_validate_json(row)


@contracts
def test_a_missing_feature_is_named(contract: Contract) -> None:
    name = contract.feature_names[-1]
    row = {key: value for key, value in contract.example.items() if key != name}
    assert problems(contract, row) == {name: "missing"}


def test_a_whole_number_is_a_number() -> None:
    row = IRIS.features.model_validate_json('{"sepal_length":5,"sepal_width":3,"petal_length":1,"petal_width":1}')
    assert [*map(repr, row.__dict__.values())] == ["5.0", "3.0", "1.0", "1.0"]


@given(st.floats(min_value=-90, max_value=90))
def test_any_latitude_on_earth_is_accepted(latitude: float) -> None:
    row = HOUSING.features.model_validate_json(json.dumps({**HOUSING.example, "Latitude": latitude}))
    assert row.__dict__["Latitude"] == latitude


def test_an_unknown_model_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownModel, match="housing, iris"):
        contract_of("wine")
