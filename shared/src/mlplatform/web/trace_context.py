"""The trace that a request belongs to (W3C Trace Context), as the gateway sends it on."""

import re

HEADER = b"traceparent"
_GOOD = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trace_id_of(traceparent: bytes | None) -> str | None:
    """The trace's id; none of a header that is not well-formed."""
    good = _GOOD.fullmatch(traceparent) if traceparent else None
    return good[1].decode() if good else None
