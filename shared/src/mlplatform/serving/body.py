"""From the bytes of a request to rows."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.types import Receive

from mlplatform.contracts import Contract
from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody
from mlplatform.runtime.session import Rows

MANY = "instances"
_REPORTED_ERRORS = 100


class ClientDisconnected(Exception):  # a fact, not a failure of ours
    """Nobody is left to answer."""


@dataclass(frozen=True, slots=True)
class Instances:
    """Rows (n, features) in the order sent; `single` when one object was sent and one is to be returned."""

    rows: Rows
    single: bool


def instances_model(contract: Contract, max_rows: int) -> type[BaseModel]:
    """The type of a body with many rows."""
    rows: Any = Annotated[
        list[contract.features],  # type: ignore[name-defined] # the contract is data
        Field(description="Rows of features.", min_length=1, max_length=max_rows),
    ]
    name = contract.features.__name__.replace("Features", "Instances")
    return create_model(name, __config__=ConfigDict(strict=True, extra="forbid"), instances=(rows, ...))


class BodyParser:
    """Bodies of one contract: an object of features, or `{"instances": [...]}`."""

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._one = contract.features
        self._many = instances_model(contract, max_rows)
        self._max_rows = max_rows
        self._key = f'"{MANY}"'.encode()

    def parse(self, body: bytes) -> Instances:
        """The rows of a body.

        Raises:
            MalformedBody: not JSON; the message says where.
            BodyTooLarge: more rows than one request may hold.
            ContractViolation: every offending place is named.
        """
        single = self._key not in body
        try:
            if single:
                parsed: Any = [self._one.model_validate_json(body)]
            else:
                parsed = self._many.model_validate_json(body).instances  # type: ignore[attr-defined] # made above
        except ValidationError as error:
            raise self._explain(error) from None
        return Instances(np.array([tuple(row.__dict__.values()) for row in parsed], dtype=np.float64), single)

    def _explain(self, error: ValidationError) -> MalformedBody | BodyTooLarge | ContractViolation:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        kinds = {(entry["type"], entry["loc"]): entry["msg"] for entry in found}
        malformed = kinds.get(("json_invalid", ()))
        if malformed:
            return MalformedBody(malformed)
        if ("too_long", (MANY,)) in kinds:
            return BodyTooLarge(f"more than {self._max_rows} rows in one request")
        errors = [
            {"path": list(entry["loc"]), "message": entry["msg"], "type": entry["type"]}
            for entry in found[:_REPORTED_ERRORS]
        ]
        more = f", the first {_REPORTED_ERRORS} of which are listed" if len(found) > _REPORTED_ERRORS else ""
        return ContractViolation(f"the body breaks the contract in {len(found)} place(s){more}", errors)


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """The whole body, however it is cut into pieces.

    Raises:
        BodyTooLarge: it is longer than `max_bytes`; what is left of it stays unread.
        ClientDisconnected: the client went away.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLarge(f"more than {max_bytes} bytes in one request")
        if not message.get("more_body", False):
            return bytes(body)
