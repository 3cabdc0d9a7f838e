"""One life of one process, in a process group of its own, from start to the last line it wrote."""

import asyncio
import contextlib
import os
import signal
import time
from typing import Self

from deploy.local.guardian import Guardian
from deploy.local.output import Output, copy_lines
from deploy.local.processes import Process

# Waits for a line before it becomes the command: by then the guardian knows the group. If the runner is killed
# in between, the line never comes and nothing is left behind.
_GATE = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")

_LAST_LINES_SECONDS = 2.0


class Child:
    """A running process."""

    def __init__(self, process: Process, running: asyncio.subprocess.Process, lines: asyncio.Task[None]) -> None:
        self._process = process
        self._running = running
        self._lines = lines
        self._started_at = time.monotonic()

    @classmethod
    async def start(cls, process: Process, *, guardian: Guardian, output: Output) -> Self:
        """Starts it, under guard."""
        # A pipe of our own: asyncio's would let a grandchild that keeps it open hide the death of the child.
        read_end, write_end = os.pipe()
        try:
            running = await asyncio.create_subprocess_exec(
                *_GATE,
                *process.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=write_end,
                stderr=write_end,
                cwd=process.cwd,
                env=process.env,
                process_group=0,
            )
        except BaseException:  # cancelled, too: nobody else knows of this end
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        lines = asyncio.create_task(_copy(read_end, output, process.name))
        guardian.watch(running.pid)
        assert running.stdin  # noqa: S101 # for the type checker: a pipe was asked for
        running.stdin.write(b"\n")
        running.stdin.close()
        return cls(process, running, lines)

    @property
    def lived_seconds(self) -> float:
        return time.monotonic() - self._started_at

    async def wait(self, guardian: Guardian) -> int:
        """Its exit status, once it has ended; what it leaves behind of its group is killed."""
        status = await self._running.wait()
        self.kill()
        guardian.forget(self._running.pid)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lines, _LAST_LINES_SECONDS)
        return status

    async def ended(self) -> None:
        """Waits until it has ended, by whatever cause."""
        await self._running.wait()

    async def stop(self, guardian: Guardian, *, grace_seconds: float) -> bool:
        """Asks it to stop and kills it if it has not after the grace. Says whether it stopped by itself."""
        self._signal(self._process.stop_signal, alone=self._process.stops_own_children)
        try:
            await asyncio.wait_for(self._running.wait(), grace_seconds)
        except TimeoutError:
            self.kill()
            await self.wait(guardian)
            return False
        await self.wait(guardian)
        return True

    def kill(self) -> None:
        """Ends the whole group at once."""
        self._signal(signal.SIGKILL, alone=False)

    def _signal(self, signum: signal.Signals, *, alone: bool) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if alone:
                self._running.send_signal(signum)
            else:
                os.killpg(self._running.pid, signum)


async def _copy(read_end: int, output: Output, name: str) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
    )
    try:
        await copy_lines(reader, output, name)
    finally:
        transport.close()


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
