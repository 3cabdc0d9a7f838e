"""Requests of a client that means no good: every path, header, id and body is another one.

Those of `anywhere` are such that many are stopped at the gateway, and many get past it: to the predictors, which read
headers and body, and to the trainer, which reads path, query and body. None of them is a wish that could be granted.
"""

import asyncio
import json
import random
import re
import string
from collections.abc import Callable
from typing import NamedTuple

from mlplatform.contracts import CONTRACTS

_CONNECTIONS = 16
_LETTERS = string.ascii_letters + string.digits
_ALPHABET = _LETTERS + "-_.~%/;:=&?\"'{}"
_IN_A_HEADER = _ALPHABET + " ,()<>@[]|\\\t\x80\xff"
_NOWHERE = ("/", "/predict/", "/predict/iris/", "/metrics/", "/health/", "/-/", "/docs", "/openapi.json/")
_TRAINER = ("/models/", "/models/iris/versions/", "/models/iris/history?at=", "/retrain/", "/retrain?before=")
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "LOCK", "MKCOL", "SEARCH", "BREW")
_GOOD = {model: json.dumps(dict(contract.example)).encode() for model, contract in CONTRACTS.items()}


class Asked(NamedTuple):
    """One request; its headers beside those that every one needs."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


Source = Callable[[random.Random], Asked]


def anywhere(chance: random.Random) -> Asked:
    """For a gateway: half of them are stopped there, or should be."""
    model = chance.choice([*CONTRACTS])
    kind = chance.random()
    if kind < 0.5:
        return nowhere(chance)
    return at_predictor(chance, f"/predict/{model}", model) if kind < 0.85 else at_trainer(chance)


def nowhere(chance: random.Random) -> Asked:
    """A path that is none."""
    method = chance.choice([*_METHODS, _word(chance, 5, string.ascii_uppercase)])
    return Asked(method, chance.choice(_NOWHERE) + _word(chance, 40), _headers(chance))


def at_predictor(chance: random.Random, path: str = "/predict", model: str = "housing") -> Asked:
    """For the endpoint of a predictor, which answers a few of them."""
    headers = _headers(chance)
    bodies = [_GOOD[model], b"", b"{", b"[" * 500, _noise(chance), json.dumps({_word(chance, 9): 1}).encode()]
    content_types = ["application/json", "text/csv", "application/x-ndjson", _header(chance), ""]
    headers["Content-Type"] = chance.choice(content_types)
    if chance.random() < 0.3:
        headers["Accept"] = _header(chance)
    if chance.random() < 0.3:
        headers["X-Model-Version"] = chance.choice([_header(chance), _digits(chance, 400), f"-{_digits(chance, 5)}"])
    query = f"?{_word(chance, 40)}" if chance.random() < 0.3 else ""
    method = chance.choice(_METHODS) if chance.random() < 0.1 else "POST"
    return Asked(method, path + query, headers, chance.choice(bodies))


def at_trainer(chance: random.Random) -> Asked:
    """For the trainer, of which none is a wish that it could grant."""
    headers = {**_headers(chance), "Content-Type": chance.choice(["application/json", _header(chance)])}
    ids = {"Idempotency-Key": _header(chance), "Last-Event-ID": chance.choice([_header(chance), _digits(chance, 400)])}
    headers |= {name: value for name, value in ids.items() if chance.random() < 0.3}
    junk = chance.choice([_word(chance, 40, _LETTERS + "-_.~"), _digits(chance, 400), "%00", "%0A%C3%28", "a/" * 30])
    method = chance.choice(_METHODS)
    end = chance.choice(
        ["", "/promote", "/card", "/card.html", "/traffic", "/events", f"?{_word(chance, 20, _LETTERS)}"]
    )
    # The model's own paths take the hands of nobody: only what is read of them is asked for.
    path = chance.choice(_TRAINER) if method in ("GET", "OPTIONS", "BREW") else chance.choice(("/models/", "/retrain/"))
    return Asked(method, f"{path}x{junk}{end}", headers, chance.choice([b"", b"{", _noise(chance)]))


def send(port: int, count: int) -> int:
    """Sends so many to a gateway on this machine; returns how many were answered."""
    return asyncio.run(send_to(port, count, anywhere))


async def send_to(port: int, count: int, source: Source, connections: int = _CONNECTIONS) -> int:
    """Sends so many of a source to a server on this machine; returns how many were answered."""
    share, rest = divmod(count, connections)
    shares = [share + (index < rest) for index in range(connections)]
    return sum(await asyncio.gather(*(_some(port, each, source, seed) for seed, each in enumerate(shares))))


async def _some(port: int, count: int, source: Source, seed: int) -> int:
    chance = random.Random(seed)  # noqa: S311 # the same requests each time
    reader = writer = None
    for _ in range(count):
        if writer is None or reader is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = source(chance)
        writer.write(_as_bytes(asked, port))
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


def _as_bytes(asked: Asked, port: int) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    head = f"{asked.method} {asked.target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}"
    return f"{head}Content-Length: {len(asked.body)}\r\n\r\n".encode("latin-1") + asked.body


def _headers(chance: random.Random) -> dict[str, str]:
    trace = f"00-{chance.randbytes(16).hex()}-{chance.randbytes(8).hex()}-01"
    return {
        "X-Request-ID": chance.choice([_word(chance, 64, _LETTERS), _header(chance)]),
        "traceparent": chance.choice([trace, _header(chance)]),
        "tracestate": _header(chance),
        "User-Agent": _header(chance),
        "X-Client-ID": _header(chance),
        "X-Subject-ID": _header(chance),
        "X-Forwarded-For": _header(chance),
    }


def _header(chance: random.Random) -> str:
    return _word(chance, 40, _IN_A_HEADER).strip()


def _word(chance: random.Random, most: int, alphabet: str = _ALPHABET) -> str:
    return "".join(chance.choices(alphabet, k=chance.randrange(1, most + 1)))


def _digits(chance: random.Random, most: int) -> str:
    return _word(chance, most, string.digits)


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 2_000))
