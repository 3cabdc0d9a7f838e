from collections.abc import Callable

import pytest
from shared.tests.serving.formats.conftest import MAX_ROWS, assert_are, rows_of

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody
from mlplatform.serving.formats.csv import CsvFormat
from mlplatform.serving.prediction import Prediction

FORMAT = CsvFormat(HOUSING, MAX_ROWS)
ROW = dict(HOUSING.example)


def table(rows: list[dict[str, float]], names: list[str] | None = None) -> str:
    names = names or list(HOUSING.feature_names)
    return "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows), ""])


@pytest.mark.parametrize("count", [1, 2, MAX_ROWS])
def test_a_line_is_a_row(count: int) -> None:
    rows = rows_of(HOUSING, count)
    assert_are(FORMAT.parse(table(rows).encode()), rows)


def test_columns_may_come_in_any_order_with_quotes_and_spaces() -> None:
    rows = rows_of(HOUSING, 3)
    text = table(rows, list(HOUSING.feature_names)[::-1]).replace("MedInc", '"MedInc"').replace("\n", "\r\n")
    assert_are(FORMAT.parse(text.encode()), rows)


@pytest.mark.parametrize("cell", ["", "north", "nan", "inf", "1e400", "-1", "true"])
def test_a_cell_that_cannot_be_is_named_by_row_and_field(cell: str) -> None:
    text = table([ROW, ROW]).replace(f"{ROW['Population']}", cell)
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(text.encode())
    assert [error["path"] for error in caught.value.errors] == [[0, "Population"], [1, "Population"]]


def test_a_row_with_other_cells_than_the_header_is_named() -> None:
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse((table([ROW]) + "1,2,3\n").encode())
    assert [error["path"] for error in caught.value.errors] == [[1]]


def test_a_missing_and_an_unknown_column_are_named() -> None:
    text = table([ROW]).replace("MedInc", "Income")
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(text.encode())
    assert [error["path"] for error in caught.value.errors] == [[0, "MedInc"], [0, "Income"]]


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(MalformedBody, match="twice"):
        FORMAT.parse(table([ROW]).replace("AveRooms", "MedInc").encode())


@pytest.mark.parametrize("body", [b"", b"\n", b"MedInc\n", b"\xff\xfe"])
def test_what_holds_no_row_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        FORMAT.parse(body)


def test_a_row_too_many_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        FORMAT.parse(table([ROW] * (MAX_ROWS + 1)).encode())


def test_an_answer_is_a_line_under_a_header(prediction: Callable[..., Prediction]) -> None:
    assert FORMAT.render(prediction(HOUSING, 2)) == b"prediction\n0.5\n1.5\n"


def test_a_label_comes_with_a_column_for_each_probability(prediction: Callable[..., Prediction]) -> None:
    answer = CsvFormat(IRIS, MAX_ROWS).render(prediction(IRIS, 1))
    assert answer == b"prediction,setosa,versicolor,virginica\nsetosa,0.5,0.3,0.2\n"
