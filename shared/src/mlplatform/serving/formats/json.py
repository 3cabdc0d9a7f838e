"""JSON: an object of features, or `{"instances": [...]}`."""

import json
import re
from typing import Annotated, Any

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from mlplatform.contracts import Contract
from mlplatform.errors import MalformedBody
from mlplatform.runtime.session import Rows
from mlplatform.serving.instances import Instances, ManyRows, OneRow, QuickCheck
from mlplatform.serving.prediction import Prediction
from mlplatform.serving.violations import explain

MEDIA_TYPE = "application/json"

_MANY = re.compile(rb'\s*\{\s*"instances"\s*:')
_HEAD = re.compile(rb'\s*\{\s*"instances"\s*:\s*\[')
_TAIL = re.compile(rb"\]\s*\}\s*\Z")
_COMMA = re.compile(rb"\s*,")
_TAIL_BYTES = 64
_PIECE_BYTES = 16 * 1024


def instances_model(contract: Contract, max_rows: int) -> type[BaseModel]:
    """The type of a body with many rows."""
    rows: Any = Annotated[
        list[contract.features],  # type: ignore[name-defined] # the contract is data
        Field(description="Rows of features.", min_length=1, max_length=max_rows),
    ]
    name = contract.features.__name__.replace("Features", "Instances")
    return create_model(name, __config__=ConfigDict(strict=True, extra="forbid"), instances=(rows, ...))


class JsonFormat:
    """The format of single predictions, and the default of many."""

    media_type = MEDIA_TYPE

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._contract = contract
        self._max_rows = max_rows
        self._width = len(contract.feature_names)
        self._one = contract.features.__pydantic_validator__
        self._many = instances_model(contract, max_rows)
        self._quick = QuickCheck(contract)
        self._unit = {"unit": contract.unit} if contract.unit else {}

    def parse(self, body: bytes) -> Instances:
        return self._parse_many(body) if _MANY.match(body) else self._parse_one(body)

    def _parse_one(self, body: bytes) -> OneRow:
        try:
            row = self._one.validate_json(body)
        except ValidationError as error:
            raise explain(error, self._max_rows) from None
        # Its values are numbers, so a valid body has two quotes a key, and more only where a key stands twice.
        if body.count(b'"') != 2 * self._width:
            refuse_duplicates(body)
        return OneRow(tuple(row.__dict__.values()))

    def _parse_many(self, body: bytes) -> ManyRows:
        rows = self._quick_rows(body)
        if rows is None:
            rows = self._careful_rows(body)
        return ManyRows(rows)

    def _quick_rows(self, body: bytes) -> Rows | None:
        """The rows, read piece by piece; none in doubt."""
        head, tail = _HEAD.match(body), _TAIL.search(body, max(0, len(body) - _TAIL_BYTES))
        if not head or not tail:
            return None
        pieces = _pieces(body, head.end(), tail.start())
        return self._quick.json(pieces, self._max_rows) if pieces else None

    def _careful_rows(self, body: bytes) -> Rows:
        """The rows as the contract reads them, or what is wrong with them."""
        try:
            parsed: Any = self._many.model_validate_json(body)
        except ValidationError as error:
            raise explain(error, self._max_rows) from None
        refuse_duplicates(body)
        return np.array([tuple(row.__dict__.values()) for row in parsed.instances], dtype=np.float64)

    def render(self, prediction: Prediction) -> bytes:
        return orjson.dumps(
            {
                **(self._one_answer(prediction) if prediction.single else self._many_answers(prediction)),
                **self._unit,
                "prediction_id": prediction.prediction_id,
                "model": self._contract.model,
                "version": prediction.version,
                "variant": prediction.variant,
                "warnings": prediction.warnings,
            }
        )

    def _one_answer(self, prediction: Prediction) -> dict[str, Any]:
        [value] = prediction.values
        if prediction.probabilities is None:
            return {"prediction": value}
        return {"prediction": value, "probabilities": self._by_label(prediction.probabilities[0])}

    def _many_answers(self, prediction: Prediction) -> dict[str, Any]:
        values, rows = prediction.as_lists()
        return {"predictions": values, **({"probabilities": [self._by_label(row) for row in rows]} if rows else {})}

    def _by_label(self, probabilities: list[float]) -> dict[str, float]:
        return dict(zip(self._contract.labels, probabilities, strict=True))


def refuse_duplicates(text: bytes) -> None:
    """Refuse JSON in which a key stands twice in one object.

    Raises:
        MalformedBody: it names the first such key.
    """

    def refuse(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedBody(f"the key {key[:64]!r} stands twice in one object")
            seen.add(key)

    json.loads(text, object_pairs_hook=refuse)


def _pieces(body: bytes, start: int, end: int) -> list[bytes] | None:
    """Rows cut between objects, without the comma there; none in doubt. A row has no text, so every brace ends one."""
    pieces = []
    while True:
        brace = body.find(b"}", start + _PIECE_BYTES, end)
        stop = end if brace < 0 else brace + 1
        pieces.append(body[start:stop])
        comma = _COMMA.match(body, stop, end)
        if not comma:
            return None if body[stop:end].strip() else pieces
        start = comma.end()
