"""The trace that a request belongs to (W3C Trace Context), as the gateway sends it on."""

import re
from contextvars import ContextVar

HEADER = b"traceparent"

current: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The `traceparent` of what is being done now, for whoever is asked to do the rest of it."""

_GOOD = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def well_formed(traceparent: bytes | str | None) -> str | None:
    """The header, if it is one."""
    text = traceparent.decode("latin-1") if isinstance(traceparent, bytes) else traceparent
    return text if text and _GOOD.fullmatch(text) else None


def trace_id_of(traceparent: bytes | str | None) -> str | None:
    """The trace's id; none of a header that is not well-formed."""
    text = well_formed(traceparent)
    return text.split("-")[1] if text else None
