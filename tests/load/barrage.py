"""A load generator that keeps 200 and 503 apart, which wrk cannot.

`python -m tests.load.barrage` reads a plan from its standard input and prints the outcome.

Closed loop: each connection sends as soon as it was answered. Open loop: requests leave at a rate, on whatever
connection is idle, answered or not: the crowd that does not wait.
"""

import asyncio
import gc
import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
import uvloop

from tests.load.options import ROOT
from tests.load.pinned import command

_TICK_SECONDS = 0.001
_WARM_UP_SECONDS = 1.0
_OK, _SHED = 200, 503


@dataclass(frozen=True)
class Plan:
    """What to send.

    Args:
        port: on the loopback.
        path: of the URL.
        body_file: holds the body.
        connections: at most so many requests at once.
        rate: requests a second of an open loop; none for a closed one.
        seconds: how long, after a warm-up.
    """

    port: int
    path: str
    body_file: str
    connections: int
    rate: float | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came back."""

    offered_per_second: float
    ok_per_second: float
    ok_p50_us: float
    ok_p99_us: float
    shed_per_second: float
    shed_p99_us: float
    requests: int
    errors: int


def run(core: int, plan: Plan) -> Outcome:
    """Carry out a plan in a process of its own, on that core."""
    done = subprocess.run(
        command(core, sys.executable, "-m", "tests.load.barrage"),
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed:\n{done.stderr[-2_000:]}")
    return Outcome(**json.loads(done.stdout))


class Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self, request: bytes, answered: Callable[["Connection", int, float], None]) -> None:
        self._request = request
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._left: int | None = None
        self._status = 0
        self._sent = 0.0
        self.is_open = False
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not its subclass
        self.is_open = True

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        if self.is_busy:
            self._finish(0)

    def send(self) -> None:
        assert self._transport
        self.is_busy = True
        self._sent = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            data = self._read_head(data)
        if self._left is not None:
            self._left -= len(data)
            if self._left <= 0:
                self._left = None
                self._finish(self._status)

    def _read_head(self, data: bytes) -> bytes:
        self._head += data
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return b""
        self._status = int(head[9:12])
        self._left = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        self._head = b""
        return body

    def _finish(self, status: int) -> None:
        self.is_busy = False
        self._answered(self, status, perf_counter() - self._sent)


class _Barrage:
    """All connections, and what they saw between the end of the warm-up and the end."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        body = Path(plan.body_file).read_bytes()
        head = f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._idle: deque[Connection] = deque()
        self._took: dict[int, list[float]] = {_OK: [], _SHED: []}
        self._errors = 0
        self._sent = 0
        self._counts = False
        self._stops = False

    async def run(self) -> Outcome:
        self._idle = deque([await self._connect() for _ in range(self._plan.connections)])
        sending = asyncio.create_task(self._open_loop() if self._plan.rate else self._closed_loop())
        await asyncio.sleep(_WARM_UP_SECONDS)
        self._counts, began = True, perf_counter()
        await asyncio.sleep(self._plan.seconds)
        self._counts, took = False, perf_counter() - began
        self._stops = True
        await sending
        return self._outcome(took)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(self._connection, "127.0.0.1", self._plan.port)
        return connection

    def _connection(self) -> Connection:
        return Connection(self._request, self._answered)

    async def _closed_loop(self) -> None:
        while self._idle:
            self._send()

    async def _open_loop(self) -> None:
        assert self._plan.rate
        began, due = perf_counter(), 0
        while not self._stops:
            now_due = int((perf_counter() - began) * self._plan.rate)
            # What finds no idle connection is not made up for: the crowd does not queue at the client.
            for _ in range(min(now_due - due, len(self._idle))):
                self._send()
            due = now_due
            await asyncio.sleep(_TICK_SECONDS)

    def _send(self) -> None:
        connection = self._idle.popleft()
        self._sent += self._counts
        connection.send()

    def _answered(self, connection: Connection, status: int, took: float) -> None:
        if self._counts:
            if status in self._took:
                self._took[status].append(took)
            else:
                self._errors += 1
        if not connection.is_open:
            asyncio.get_running_loop().create_task(self._replace())
            return
        self._idle.append(connection)
        if not self._plan.rate and not self._stops:
            self._send()

    async def _replace(self) -> None:
        self._idle.append(await self._connect())

    def _outcome(self, seconds: float) -> Outcome:
        ok, shed = self._took[_OK], self._took[_SHED]
        return Outcome(
            offered_per_second=self._sent / seconds,
            ok_per_second=len(ok) / seconds,
            ok_p50_us=_percentile(ok, 50),
            ok_p99_us=_percentile(ok, 99),
            shed_per_second=len(shed) / seconds,
            shed_p99_us=_percentile(shed, 99),
            requests=len(ok) + len(shed) + self._errors,
            errors=self._errors,
        )


def _percentile(seconds: list[float], percent: float) -> float:
    return float(np.percentile(seconds, percent)) * 1e6 if seconds else 0.0


if __name__ == "__main__":
    gc.disable()
    sys.stdout.write(json.dumps(asdict(uvloop.run(_Barrage(Plan(**json.load(sys.stdin))).run()))))
