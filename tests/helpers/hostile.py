"""Requests of a client that means no good: every path, header and id is another one."""

import asyncio
import random
import re
import string

_CONNECTIONS = 16
_ALPHABET = string.ascii_letters + string.digits + "-_.~%/;:=&?\"'{}"
_PATHS = ("/", "/predict/", "/predict/iris/", "/models/", "/retrain/", "/metrics/", "/health/", "/-/")


def send(port: int, count: int) -> int:
    """Sends so many to a gateway on this machine; returns how many were answered."""
    return asyncio.run(_send(port, count))


async def _send(port: int, count: int) -> int:
    share, rest = divmod(count, _CONNECTIONS)
    sent = await asyncio.gather(*(_some(port, share + (index < rest), index) for index in range(_CONNECTIONS)))
    return sum(sent)


async def _some(port: int, count: int, seed: int) -> int:
    chance = random.Random(seed)  # noqa: S311 # the same requests each time
    reader = writer = None
    for _ in range(count):
        if writer is None or reader is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request(chance, port))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length:
            await reader.readexactly(int(length[1]))
        if b"connection: close" in head.lower() or not length:
            writer.close()
            await writer.wait_closed()
            reader = writer = None
    if writer:
        writer.close()
        await writer.wait_closed()
    return count


def _request(chance: random.Random, port: int) -> bytes:
    def word(length: int) -> str:
        return "".join(chance.choices(_ALPHABET, k=length))

    method = chance.choice(["GET", "POST", "DELETE", "PUT", word(5).translate({ord(c): "X" for c in _ALPHABET[62:]})])
    path = chance.choice(_PATHS) + word(chance.randrange(1, 40)).replace(" ", "")
    headers = {
        name: word(chance.randrange(1, 40)) for name in ("X-Request-ID", "X-Client-ID", "traceparent", "User-Agent")
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}Content-Length: 0\r\n\r\n".encode()
