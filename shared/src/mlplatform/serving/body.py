"""The bytes of a request."""

from starlette.types import Receive

from mlplatform.errors import BodyTooLarge


class ClientDisconnected(Exception):  # a fact, not a failure of ours
    """Nobody is left to answer."""


async def read_body(receive: Receive, content_length: bytes | None, max_bytes: int) -> bytes:
    """The whole body, however it is cut into pieces.

    Raises:
        BodyTooLarge: it is longer than `max_bytes`; what is left of it stays unread.
        ClientDisconnected: the client went away.
    """
    if content_length and int(content_length) > max_bytes:
        raise _too_large(max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        _check(whole, max_bytes)
        return whole
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        _check(body, max_bytes)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()


def _check(body: bytes | bytearray, max_bytes: int) -> None:
    if len(body) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"more than {max_bytes} bytes in one request")
