import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared.tests.serving.formats.conftest import MAX_ROWS, assert_are, rows_of

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody
from mlplatform.serving.formats.json import JsonFormat
from mlplatform.serving.instances import OneRow
from mlplatform.serving.prediction import Prediction

FORMAT = JsonFormat(HOUSING, MAX_ROWS)
LONG = JsonFormat(HOUSING, 1_000)
ROW = dict(HOUSING.example)


def many(rows: object, indent: int | None = None) -> bytes:
    return json.dumps({"instances": rows}, indent=indent).encode()


def test_an_object_is_one_row_and_wants_one_answer() -> None:
    instances = FORMAT.parse(json.dumps(dict(reversed(ROW.items()))).encode())
    assert instances == OneRow(tuple(ROW.values()))


@pytest.mark.parametrize("count", [1, 2, 137, MAX_ROWS])
@pytest.mark.parametrize("indent", [None, 0, 4])
def test_many_rows_keep_their_order_however_they_are_laid_out(count: int, indent: int | None) -> None:
    rows = rows_of(HOUSING, count)
    assert_are(FORMAT.parse(many(rows, indent)), rows)


def test_keys_may_come_in_any_order_in_every_row() -> None:
    rows = rows_of(HOUSING, 3)
    shuffled = [dict(reversed(row.items())) for row in rows]
    assert_are(FORMAT.parse(many(shuffled)), rows)


def test_whole_numbers_are_numbers() -> None:
    rows = [{**ROW, "Population": 322, "HouseAge": 41}]
    assert_are(FORMAT.parse(many(rows)), rows)


@pytest.mark.parametrize("value", ["5", True, None, [], {}, -1, 10**400, 1e12])
def test_a_value_that_cannot_be_is_named_by_row_and_field(value: object) -> None:
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(many([ROW, {**ROW, "Population": value}]))
    assert [error["path"] for error in caught.value.errors] == [["instances", 1, "Population"]]


@pytest.mark.parametrize("bad", [{}, {**ROW, "more": 1.0}, 3, "text", None, [ROW]])
def test_a_row_of_another_shape_is_refused(bad: object) -> None:
    with pytest.raises(ContractViolation):
        FORMAT.parse(many([ROW, bad]))


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_is_no_finite_number_is_refused(literal: str) -> None:
    body = many([{**ROW, "MedInc": "@"}]).replace(b'"@"', literal.encode())
    with pytest.raises((ContractViolation, MalformedBody)):
        FORMAT.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(ROW).replace('"MedInc"', '"MedInc": 1, "MedInc"', 1).encode(),
        many([ROW]).replace(b'"MedInc"', b'"MedInc": 1, "MedInc"', 1),
        b'{"instances": [], ' + many([ROW])[1:],
    ],
    ids=["in a single row", "in one of many rows", "of the whole body"],
)
def test_a_key_that_stands_twice_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="stands twice"):
        FORMAT.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"instances": [',
        b'{"instances": [{}',
        b"[" * 100_000,
        b"\xff",
        many([ROW])[:-1],
        many([ROW]) + b"x",
    ],
)
def test_what_is_no_json_is_refused_with_its_place(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="line 1 column"):
        FORMAT.parse(body)


def test_a_row_too_many_is_refused() -> None:
    with pytest.raises(BodyTooLarge, match=str(MAX_ROWS)):
        FORMAT.parse(many([ROW] * (MAX_ROWS + 1)))


@pytest.mark.parametrize("rows", [3, 200])
@pytest.mark.parametrize("between", ["", " ", ",,", "}", ", null,", ", ,"])
def test_rows_are_separated_by_one_comma(rows: int, between: str) -> None:
    row = json.dumps(ROW)
    for place in range(1, rows):
        text = ",".join([row] * place) + between + ",".join([row] * (rows - place))
        with pytest.raises((MalformedBody, ContractViolation)):
            LONG.parse(f'{{"instances": [{text}]}}'.encode())


@pytest.mark.parametrize("rows", [3, 200])
@pytest.mark.parametrize(("before", "after"), [(",", ""), ("", ","), ("", " , ")])
def test_no_comma_stands_before_or_behind_the_rows(rows: int, before: str, after: str) -> None:
    text = before + ",".join([json.dumps(ROW)] * rows) + after
    with pytest.raises(MalformedBody):
        LONG.parse(f'{{"instances": [{text}]}}'.encode())


def test_white_space_may_stand_anywhere_between_rows() -> None:
    text = " \n,\t ".join([json.dumps(ROW)] * 400)
    assert len(LONG.parse(f'{{"instances" : [ {text}\r\n ] }} '.encode())) == 400


def test_no_row_is_refused() -> None:
    with pytest.raises(ContractViolation):
        FORMAT.parse(many([]))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*HOUSING.feature_names, "instances", "x"]), json_values))
def test_the_quick_way_accepts_nothing_that_the_contract_refuses(row: dict[str, object]) -> None:
    body = many([row, ROW])
    try:
        HOUSING.features.model_validate_json(json.dumps(row))
    except ValueError:
        with pytest.raises((ContractViolation, MalformedBody)):
            FORMAT.parse(body)
    else:
        assert len(FORMAT.parse(body)) == 2


def test_a_single_answer_names_its_provenance(prediction: Callable[..., Prediction]) -> None:
    assert json.loads(FORMAT.render(prediction(HOUSING, 1, single=True))) == {
        "prediction": 0.5,
        "unit": "100k USD",
        "prediction_id": "id-1",
        "model": "housing",
        "version": "3",
        "variant": "champion",
        "warnings": [],
    }


def test_many_labels_come_with_their_probabilities(prediction: Callable[..., Prediction]) -> None:
    body = json.loads(JsonFormat(IRIS, MAX_ROWS).render(prediction(IRIS, 2)))
    assert body["predictions"] == ["setosa", "setosa"]
    assert body["probabilities"] == [{"setosa": 0.5, "versicolor": 0.3, "virginica": 0.2}] * 2
