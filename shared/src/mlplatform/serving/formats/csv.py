"""CSV (RFC 4180): a header that names the features in any order, then a row a line."""

import csv
import io
from itertools import repeat

import numpy as np
from pydantic import ValidationError

from mlplatform.contracts import Contract
from mlplatform.errors import MalformedBody
from mlplatform.runtime.session import Rows
from mlplatform.serving.instances import Instances, ManyRows, QuickCheck
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.violations import details, too_many_rows, violation


class CsvFormat:
    """Rows are numbered from 0, the header not counted."""

    media_type = "text/csv"

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._contract = contract
        self._max_rows = max_rows
        self._quick = QuickCheck(contract)

    def parse(self, body: bytes) -> Instances:
        try:
            header, *lines = body.decode().splitlines()
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the body is not UTF-8 at byte {error.start}") from None
        except ValueError:
            raise MalformedBody("the body is empty") from None
        lines = [line for line in lines if line.strip()]
        if not lines:
            raise MalformedBody("there is a header and no row")
        if len(lines) > self._max_rows:
            raise too_many_rows(self._max_rows)
        names = [name.strip() for name in next(csv.reader([header]))]
        rows = self._quick_rows(names, lines)
        return ManyRows(self._careful_rows(names, lines) if rows is None else rows)

    def _quick_rows(self, names: list[str], lines: list[str]) -> Rows | None:
        expected = self._contract.feature_names
        if len(names) != len(expected) or set(names) != set(expected):
            return None
        try:
            table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None, dtype=np.float64)
        except ValueError:
            return None
        if table.shape != (len(lines), len(names)):
            return None
        return self._quick.matrix(np.ascontiguousarray(table[:, [names.index(name) for name in expected]]))

    def _careful_rows(self, names: list[str], lines: list[str]) -> Rows:
        """The rows as the contract reads them, or what is wrong with them, by row and field."""
        rows: list[tuple[float, ...]] = []
        errors: list[tuple[tuple[int | str, ...], str, str]] = []
        for number, cells in enumerate(csv.reader(lines)):
            if len(cells) != len(names):
                errors.append(((number,), f"{len(cells)} cells under {len(names)} columns", "cells"))
                continue
            try:
                row = self._contract.features.model_validate(_numbers(names, cells))
            except ValidationError as error:
                errors += [((number, *entry["loc"]), entry["msg"], entry["type"]) for entry in details(error)]
            else:
                rows.append(tuple(row.__dict__.values()))
        if len(set(names)) != len(names):
            raise MalformedBody("the header names a column twice")
        if errors:
            raise violation(errors)
        return np.array(rows, dtype=np.float64)

    def render(self, prediction: Prediction) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        values, rows = prediction.as_lists()
        writer.writerow(["prediction", *self._contract.labels])
        writer.writerows([value, *row] for value, row in zip(values, rows or repeat(()), strict=False))
        return text.getvalue().encode()


def _numbers(names: list[str], cells: list[str]) -> dict[str, float | str]:
    """Cells as numbers where they are; the contract refuses the others."""
    return {name: _number(cell) for name, cell in zip(names, cells, strict=True)}


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
