"""Newline-delimited JSON: an object of features a line, and an answer a line."""

from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError

from mlplatform.contracts import Contract
from mlplatform.errors import MalformedBody
from mlplatform.runtime.session import Rows
from mlplatform.serving.formats.json import refuse_duplicates
from mlplatform.serving.instances import Instances, ManyRows, QuickCheck
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.violations import details, too_many_rows, violation

_PIECE_LINES = 128


class NdjsonFormat:
    """Rows are numbered from 0, empty lines left out."""

    media_type = "application/x-ndjson"

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._contract = contract
        self._max_rows = max_rows
        self._quick = QuickCheck(contract)

    def parse(self, body: bytes) -> Instances:
        lines = [line for line in body.splitlines() if line and not line.isspace()]
        if not lines:
            raise MalformedBody("no line has an object")
        if len(lines) > self._max_rows:
            raise too_many_rows(self._max_rows)
        rows = self._quick_rows(lines)
        return ManyRows(self._careful_rows(lines) if rows is None else rows)

    def _quick_rows(self, lines: list[bytes]) -> Rows | None:
        starts = range(0, len(lines), _PIECE_LINES)
        rows = self._quick.json((b",".join(lines[start : start + _PIECE_LINES]) for start in starts), self._max_rows)
        return rows if rows is not None and len(rows) == len(lines) else None

    def _careful_rows(self, lines: list[bytes]) -> Rows:
        rows, errors = [], []
        for number, line in enumerate(lines):
            try:
                rows.append(tuple(self._contract.features.model_validate_json(line).__dict__.values()))
                refuse_duplicates(line)
            except ValidationError as error:
                errors += [((number, *entry["loc"]), entry["msg"], entry["type"]) for entry in details(error)]
        if errors:
            raise violation(errors)
        return np.array(rows, dtype=np.float64)

    def render(self, prediction: Prediction) -> bytes:
        values, rows = prediction.as_lists()
        answers: list[dict[str, Any]] = [{"prediction": value} for value in values]
        for answer, row in zip(answers, rows, strict=False):  # a regression has no probabilities
            answer["probabilities"] = dict(zip(self._contract.labels, row, strict=True))
        return b"\n".join([*map(orjson.dumps, answers), b""])
