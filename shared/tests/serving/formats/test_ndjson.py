import json
from collections.abc import Callable, Mapping, Sequence

import pytest
from shared.tests.serving.formats.conftest import MAX_ROWS, assert_are, rows_of

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody
from mlplatform.serving.formats.ndjson import NdjsonFormat
from mlplatform.serving.prediction import Prediction

FORMAT = NdjsonFormat(HOUSING, MAX_ROWS)
ROW = dict(HOUSING.example)


def lines(rows: Sequence[Mapping[str, object]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


@pytest.mark.parametrize("count", [1, 2, 300, MAX_ROWS])
def test_a_line_is_a_row(count: int) -> None:
    rows = rows_of(HOUSING, count)
    assert_are(FORMAT.parse(lines(rows)), rows)


def test_empty_lines_and_other_line_ends_do_not_matter() -> None:
    rows = rows_of(HOUSING, 2)
    body = lines(rows).replace(b"\n", b"\r\n\r\n") + b"\n\n"
    assert_are(FORMAT.parse(body), rows)


def test_every_offending_field_is_named_by_row() -> None:
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(lines([ROW, {**ROW, "Population": -1}, {**ROW, "Latitude": "north"}]))
    assert [error["path"] for error in caught.value.errors] == [[1, "Population"], [2, "Latitude"]]


def test_a_line_that_is_no_json_is_named() -> None:
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(lines([ROW]) + b"\n{")
    assert [(error["path"], error["type"]) for error in caught.value.errors] == [([1], "json_invalid")]


def test_two_objects_on_one_line_are_refused() -> None:
    line = json.dumps(ROW).encode()
    with pytest.raises(ContractViolation):
        FORMAT.parse(line + b"," + line)


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(MalformedBody, match="MedInc"):
        FORMAT.parse(lines([ROW]).replace(b'"MedInc"', b'"MedInc": 1, "MedInc"'))


@pytest.mark.parametrize("body", [b"", b"\n \n"])
def test_no_row_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        FORMAT.parse(body)


def test_a_row_too_many_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        FORMAT.parse(lines([ROW] * (MAX_ROWS + 1)))


def test_an_answer_is_a_line(prediction: Callable[..., Prediction]) -> None:
    assert FORMAT.render(prediction(HOUSING, 2)) == b'{"prediction":0.5}\n{"prediction":1.5}\n'


def test_a_label_comes_with_its_probabilities(prediction: Callable[..., Prediction]) -> None:
    [line] = NdjsonFormat(IRIS, MAX_ROWS).render(prediction(IRIS, 1)).splitlines()
    assert json.loads(line) == {
        "prediction": "setosa",
        "probabilities": {"setosa": 0.5, "versicolor": 0.3, "virginica": 0.2},
    }
