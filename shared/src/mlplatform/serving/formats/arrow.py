"""Arrow's IPC stream: a column of doubles for each feature, in any order, in any number of batches.

Source: Arrow columnar format, section "IPC Streaming Format".
"""

import io

import nanoarrow as na
import numpy as np
from nanoarrow._utils import NanoarrowException  # it is raised in public and exported nowhere else
from nanoarrow.c_array import CArray
from nanoarrow.ipc import InputStream, StreamWriter
from numpy.typing import NDArray

from mlplatform.contracts import Contract
from mlplatform.errors import ContractViolation, MalformedBody
from mlplatform.runtime.session import Rows
from mlplatform.serving.instances import Instances, ManyRows, QuickCheck
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.violations import too_many_rows, violation

_DOUBLES = na.c_schema(na.float64())
_DOUBLE = "g"  # in the format strings of Arrow's C data interface


class ArrowFormat:
    """For bulk: nothing is parsed, nothing is printed."""

    media_type = "application/vnd.apache.arrow.stream"

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._contract = contract
        self._max_rows = max_rows
        self._quick = QuickCheck(contract)
        self._low, self._high = contract.bounds
        self._names = contract.feature_names
        answers = na.string() if contract.is_classification else na.float64()
        self._answer_schema = na.c_schema(
            na.struct({"prediction": answers, **dict.fromkeys(contract.labels, na.float64())})
        )

    def parse(self, body: bytes) -> Instances:
        try:
            rows = self._read(body)
        except NanoarrowException as error:
            raise MalformedBody(f"not an Arrow stream: {error}") from None
        if len(rows) > self._max_rows:
            raise too_many_rows(self._max_rows)
        if not len(rows):
            raise violation([((), "there is no row", "too_short")])
        if self._quick.matrix(rows) is None:
            raise self._out_of_bounds(rows)
        return ManyRows(rows)

    def _read(self, body: bytes) -> Rows:
        with InputStream.from_readable(io.BytesIO(body)) as stream:
            batches = na.c_array_stream(stream)
            schema = batches.get_schema()
            fields = [schema.child(position) for position in range(schema.n_children)]
            self._check_fields({field.name: field.format for field in fields}, len(fields))
            places = {field.name: position for position, field in enumerate(fields)}
            tables = [self._table(batch, [places[name] for name in self._names]) for batch in batches]
        if len(tables) == 1:
            return tables[0]
        return np.concatenate(tables) if tables else np.empty((0, len(self._names)))

    def _check_fields(self, formats: dict[str, str], count: int) -> None:
        names = self._names
        missing = [((name,), "Field required", "missing") for name in names if name not in formats]
        extra = [((name,), "Extra inputs are not permitted", "extra") for name in formats if name not in names]
        other = [
            ((name,), "The column should be of doubles", "double_type")
            for name in names
            if formats.get(name, _DOUBLE) != _DOUBLE
        ]
        if missing or extra or other:
            raise violation([*missing, *extra, *other])
        if count != len(names):
            raise MalformedBody("a column stands twice")

    def _table(self, batch: CArray, order: list[int]) -> Rows:
        view = batch.view()
        columns = [view.child(position) for position in order]
        errors = [
            ((name,), "The column should have no nulls", "null")
            for name, column in zip(self._names, columns, strict=True)
            if column.null_count
        ]
        if errors:
            raise violation(errors)
        # All columns at once: whenever numpy copies many numbers it lets the interpreter go and waits for it again.
        numbers = [memoryview(column.buffer(1))[column.offset : column.offset + column.length] for column in columns]
        together = b"".join(numbers)
        return np.ascontiguousarray(np.frombuffer(together).reshape(len(columns), batch.length).T)

    def _out_of_bounds(self, rows: Rows) -> ContractViolation:
        wrong = ~((rows >= self._low) & (rows <= self._high))
        names = self._names
        return violation(
            [
                (
                    (int(row), names[column]),
                    f"Input should lie within {self._low[column]:g} and {self._high[column]:g}",
                    "bounds",
                )
                for row, column in np.argwhere(wrong)
            ]
        )

    def render(self, prediction: Prediction) -> bytes:
        values = np.asarray(prediction.values)
        columns = [_texts(values) if self._contract.is_classification else _doubles(values)]
        if prediction.probabilities is not None:
            columns += map(_doubles, np.asarray(prediction.probabilities).T)
        table = na.c_array_from_buffers(self._answer_schema, len(values), [None], children=columns)
        out = io.BytesIO()
        with StreamWriter.from_writable(out) as writer:
            writer.write_stream(na.c_array_stream(table))
        return out.getvalue()


def _doubles(values: NDArray[np.floating]) -> CArray:
    data = np.ascontiguousarray(values, dtype=np.float64)
    return na.c_array_from_buffers(_DOUBLES, len(data), [None, data])


def _texts(values: NDArray[np.object_]) -> CArray:
    return na.c_array(values.tolist(), na.string())
