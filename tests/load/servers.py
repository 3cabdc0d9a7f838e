"""The processes that are measured: started on their core, waited for, ended for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.load.pinned import command

_STOP_SECONDS = 15


class DidNotStart(Exception):
    """A server ended, or did not answer in time; the message ends with its log."""


@dataclass(frozen=True)
class Server:
    """One process that answers HTTP.

    Args:
        name: of its log file.
        command: what to run.
        core: where.
        ready_url: answers once it can be measured, with a 2xx or, if `any_answer`, with whatever.
        env: the whole environment.
        folder: where it runs and where its log goes.
        start_seconds: how long it may take.
        quiet: its output is too much to keep.
    """

    name: str
    command: tuple[str, ...]
    core: int
    ready_url: str
    env: Mapping[str, str] = field(repr=False)
    folder: Path
    start_seconds: float = 30
    quiet: bool = False
    any_answer: bool = False

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"


@contextmanager
def running(server: Server) -> Iterator[int]:
    """The server is ready inside, under the process id that is given, and gone with all its children after.

    Raises:
        DidNotStart: it is not ready in time.
    """
    server.folder.mkdir(parents=True, exist_ok=True)
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            command(server.core, *server.command),
            env=dict(server.env),
            cwd=server.folder,
            stdout=subprocess.DEVNULL if server.quiet else log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _wait(server, process)
        yield process.pid
    finally:
        _end(process)


def _wait(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + server.start_seconds
    while not _is_ready(server):
        if process.poll() is not None:
            raise DidNotStart(f"{server.name} ended with {process.returncode}:\n{_tail(server.log)}")
        if time.monotonic() > deadline:
            raise DidNotStart(f"{server.name} was not ready in {server.start_seconds} s:\n{_tail(server.log)}")
        time.sleep(0.1)


def _is_ready(server: Server) -> bool:
    try:
        return httpx.get(server.ready_url, timeout=2, trust_env=False).is_success or server.any_answer
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Asks, waits, and then ends whatever is left of its session."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3_000:]
