"""However the runner ends, nothing of its stack is left."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import CannotStart
from deploy.local.ports import require_free
from deploy.local.settings import ROOT
from deploy.local.state import State
from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until


@dataclass(frozen=True)
class Running:
    """A small stack that is ready."""

    runner: subprocess.Popen[str]
    log: Path
    port: int
    state: Path

    @property
    def pids(self) -> dict[str, int]:
        return {name: int(pid) for name, pid in re.findall(r"pid (\w+) (\d+)", self.log.read_text())}

    def leaves_nothing(self) -> bool:
        return not any(_is_running(pid) for pid in self.pids.values())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    log, port, state = tmp_path / "log", free_port(), tmp_path / "state"
    command = [sys.executable, "-m", "tests.helpers.small_stack", str(port), str(state)]
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, text=True) as runner,  # our own
    ):
        stack = Running(runner, log, port, state)
        try:
            wait_until(lambda: "ready\n" in log.read_text() and len(stack.pids) == 3)
            yield stack
        finally:
            runner.kill()
            for pid in stack.pids.values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_ends_well_and_leaves_nothing(running: Running, signum: signal.Signals) -> None:
    running.runner.send_signal(signum)

    assert running.runner.wait(timeout=10) == 0
    assert running.leaves_nothing()
    require_free({"gateway": running.port}, gateway_host="127.0.0.1")
    assert "stubborn did not stop within 0.5 s: killed" in running.log.read_text()


def test_killed_outright_it_leaves_nothing_either(running: Running) -> None:
    running.runner.kill()

    wait_until(running.leaves_nothing, within_seconds=10)
    require_free({"gateway": running.port}, gateway_host="127.0.0.1")


def test_the_state_is_free_again_only_when_everything_has_ended(running: Running) -> None:
    running.runner.kill()

    wait_until(lambda: _can_claim(running.state), within_seconds=10)

    assert running.leaves_nothing()


def test_a_second_signal_does_not_wait_for_the_grace(running: Running) -> None:
    running.runner.terminate()
    wait_until(lambda: "stopping everything" in running.log.read_text())
    running.runner.terminate()

    assert running.runner.wait(timeout=10) == 0
    assert running.leaves_nothing()


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _can_claim(folder: Path) -> bool:
    try:
        State.claim(folder).release()
    except CannotStart:
        return False
    return True
