"""What is wrong with a body, in the words of a problem document."""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlplatform.errors import BodyTooLarge, ContractViolation, MalformedBody

_REPORTED = 100


def violation(errors: Sequence[tuple[Sequence[int | str], str, str]]) -> ContractViolation:
    """A violation from (path, message, kind) of each place; the first hundred are listed, and nothing is echoed."""
    listed = [{"path": list(path), "message": text, "type": kind} for path, text, kind in errors[:_REPORTED]]
    more = f", the first {_REPORTED} of which are listed" if len(errors) > _REPORTED else ""
    return ContractViolation(f"the body breaks the contract in {len(errors)} place(s){more}", listed)


def too_many_rows(max_rows: int) -> BodyTooLarge:
    """More rows than one request may hold."""
    return BodyTooLarge(f"more than {max_rows} rows in one request")


def details(error: ValidationError) -> list[ErrorDetails]:
    """What pydantic found, without the input."""
    return error.errors(include_url=False, include_input=False, include_context=False)


def explain(error: ValidationError, max_rows: int) -> MalformedBody | BodyTooLarge | ContractViolation:
    """What pydantic found in a JSON body."""
    found = details(error)
    if found[0]["type"] == "json_invalid":
        return MalformedBody(found[0]["msg"])
    if any(entry["type"] == "too_long" for entry in found):
        return too_many_rows(max_rows)
    return violation([(entry["loc"], entry["msg"], entry["type"]) for entry in found])
