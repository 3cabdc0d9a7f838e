"""Against Arrow's own implementation, as a client would use it."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from shared.tests.serving.formats.conftest import MAX_ROWS, assert_are, rows_of

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody
from mlplatform.serving.formats.arrow import ArrowFormat
from mlplatform.serving.prediction import Prediction

FORMAT = ArrowFormat(HOUSING, MAX_ROWS)
ROW = dict(HOUSING.example)


def stream(table: pa.Table, batch_rows: int = 10_000) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return bytes(sink.getvalue())


def table_of(rows: list[dict[str, float]]) -> pa.Table:
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("count", [1, 2, MAX_ROWS])
@pytest.mark.parametrize("batch_rows", [7, 10_000])
def test_rows_come_out_as_they_went_in(count: int, batch_rows: int) -> None:
    rows = rows_of(HOUSING, count)
    assert_are(FORMAT.parse(stream(table_of(rows), batch_rows)), rows)


def test_columns_may_come_in_any_order() -> None:
    rows = rows_of(HOUSING, 3)
    table = table_of(rows).select(list(HOUSING.feature_names)[::-1])
    assert_are(FORMAT.parse(stream(table)), rows)


def test_a_slice_of_a_table_is_only_that_slice() -> None:
    rows = rows_of(HOUSING, 50)
    assert_are(FORMAT.parse(stream(table_of(rows).slice(20, 10))), rows[20:30])


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e12])
def test_a_value_that_cannot_be_is_named_by_row_and_field(value: float) -> None:
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(stream(table_of([ROW, {**ROW, "Population": value}])))
    assert [error["path"] for error in caught.value.errors] == [[1, "Population"]]


def test_missing_unknown_and_wrong_columns_are_named_at_once() -> None:
    table = table_of([ROW]).rename_columns(["Income", *HOUSING.feature_names[1:]])
    table = table.set_column(1, "HouseAge", pa.array([41], pa.int32()))
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(stream(table))
    assert [error["path"] for error in caught.value.errors] == [["MedInc"], ["Income"], ["HouseAge"]]


def test_a_column_with_nulls_is_named() -> None:
    table = table_of([ROW, ROW]).set_column(0, "MedInc", pa.array([1.0, None]))
    with pytest.raises(ContractViolation) as caught:
        FORMAT.parse(stream(table))
    assert [error["path"] for error in caught.value.errors] == [["MedInc"]]


def test_a_column_that_stands_twice_is_refused() -> None:
    table = table_of([ROW]).append_column("MedInc", pa.array([1.0]))
    with pytest.raises(MalformedBody, match="twice"):
        FORMAT.parse(stream(table))


@pytest.mark.parametrize("body", [b"", b"text", stream(table_of([ROW]))[:200], stream(table_of([ROW]))[:-100]])
def test_what_is_no_whole_stream_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        FORMAT.parse(body)


def test_no_row_is_refused() -> None:
    with pytest.raises(ContractViolation):
        FORMAT.parse(stream(table_of([ROW]).slice(0, 0)))


def test_a_row_too_many_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        FORMAT.parse(stream(table_of([ROW] * (MAX_ROWS + 1))))


def test_numbers_are_answered_as_a_column(prediction: Callable[..., Prediction]) -> None:
    answer = pa.ipc.open_stream(FORMAT.render(prediction(HOUSING, 3))).read_all()
    assert answer.to_pydict() == {"prediction": [0.5, 1.5, 2.5]}


def test_labels_are_answered_with_a_column_for_each_probability(prediction: Callable[..., Prediction]) -> None:
    answer = pa.ipc.open_stream(ArrowFormat(IRIS, MAX_ROWS).render(prediction(IRIS, 2))).read_all()
    assert answer.to_pydict() == {
        "prediction": ["setosa", "setosa"],
        "setosa": [0.5, 0.5],
        "versicolor": [0.3, 0.3],
        "virginica": [0.2, 0.2],
    }
