"""A steady stream of predictions, whatever the answers take, and an account of every one."""

import asyncio
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_PATIENCE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it was sent and answered, on the monotonic clock, and what went wrong, if anything."""

    sent: float
    answered: float
    trouble: str | None


class SteadyLoad:
    """So many requests a second from entering to leaving, sent on time whether or not earlier ones were answered."""

    def __init__(self, port: int, path: str, body: bytes, *, per_second: float) -> None:
        self.outcomes: list[Outcome] = []
        self._port, self._per_second = port, per_second
        headers = f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._request = f"POST {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.trouble]

    def summary(self) -> str:
        """For people: how many, how fast, what failed."""
        seconds = sorted(outcome.answered - outcome.sent for outcome in self.outcomes)
        lasted = max(outcome.sent for outcome in self.outcomes) - min(outcome.sent for outcome in self.outcomes)
        return (
            f"{len(seconds)} requests in {lasted:.1f} s, {len(self.failures)} failed; median "
            f"{seconds[len(seconds) // 2] * 1e3:.1f} ms, 99 % {seconds[len(seconds) * 99 // 100] * 1e3:.1f} ms, "
            f"longest {seconds[-1] * 1e3:.0f} ms"
        )

    async def _send(self) -> None:
        async with asyncio.TaskGroup() as group:
            due = time.monotonic()
            while not self._stopping.is_set():
                group.create_task(self._one())
                due += 1 / self._per_second
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _one(self) -> None:
        sent = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                trouble = await self._ask()
        except (OSError, EOFError, TimeoutError) as error:
            trouble = repr(error)
        self.outcomes.append(Outcome(sent, time.monotonic(), trouble))

    async def _ask(self) -> str | None:
        """What is wrong with the answer. By hand, for a client that takes a processor measures itself."""
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = connection
        try:
            return await self._answer(reader, writer)
        except BaseException:
            writer.close()
            raise

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b"\r\nConnection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        status = head[9:12]
        return None if status == b"200" else f"{status.decode()} {body[:300].decode(errors='replace')}"
