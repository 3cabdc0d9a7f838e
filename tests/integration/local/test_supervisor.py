"""The supervisor with real children, small ones."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import pytest

from deploy.local.backoff import Backoff
from deploy.local.guardian import Guardian
from deploy.local.output import Output
from deploy.local.processes import Process
from deploy.local.supervisor import Supervisor

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@dataclass
class Bench:
    """Where processes run until a condition holds on what they and the supervisor have said."""

    folder: Path
    guardian: Guardian

    def process(self, name: str, code: str) -> Process:
        command = (sys.executable, "-c", code, str(self.folder))
        return Process(name, command, env={"PYTHONUNBUFFERED": "1"}, cwd=self.folder)

    def run(self, *processes: Process, until: Callable[[str], bool]) -> str:
        stream = StringIO()
        output = Output(stream, names=[process.name for process in processes], colour=False)
        supervisor = Supervisor(
            processes,
            guardian=self.guardian,
            output=output,
            grace_seconds=2,
            backoff=lambda: Backoff(first_seconds=0.05),
        )

        async def watch() -> None:
            running = asyncio.create_task(supervisor.run())
            async with asyncio.timeout(20):
                while not until(stream.getvalue()):  # noqa: ASYNC110 # the stream tells nobody
                    await asyncio.sleep(0.02)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        asyncio.run(watch())
        return stream.getvalue()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    guardian = Guardian(grace_seconds=1)
    yield Bench(tmp_path, guardian)
    guardian.close()


def test_a_child_that_dies_is_named_with_its_status_and_started_again_later_each_time(bench: Bench) -> None:
    said = bench.run(bench.process("fragile", "import sys; sys.exit(3)"), until=lambda said: "0.2 s" in said)

    for wait in ("0.05", "0.1", "0.2"):
        assert f"fragile exited with status 3: starting it again in {wait} s" in said


def test_a_child_that_was_killed_is_said_to_be(bench: Bench) -> None:
    said = bench.run(
        bench.process("victim", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        until=lambda said: "starting it again" in said,
    )

    assert "victim was killed by SIGKILL" in said


def test_a_command_that_does_not_exist_is_reported_like_a_death(bench: Bench) -> None:
    missing = Process("missing", ("/does/not/exist",), env={}, cwd=bench.folder)

    assert "missing exited with status 127" in bench.run(missing, until=lambda said: "starting it again" in said)


def test_what_a_dead_child_leaves_behind_is_ended_before_it_starts_again(bench: Bench) -> None:
    code = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
sys.stdin.read()
sys.exit(1)
"""

    # The grandchild keeps the pipe open: the death must be seen all the same.
    assert "exited with status 1" in bench.run(bench.process("parent", code), until=lambda said: "again" in said)


def test_a_process_starts_only_once_those_before_it_are_done(bench: Bench) -> None:
    first = replace(bench.process("first", "import time; time.sleep(0.3); print('migrated')"), once=True)
    second = replace(bench.process("second", "print('started'); import time; time.sleep(600)"), after=("first",))

    said = bench.run(second, first, until=lambda said: "started" in said)

    assert said.index("migrated") < said.index("first is done") < said.index("started")
    assert "starting it again" not in said


def test_a_step_that_fails_is_tried_again_until_it_succeeds(bench: Bench) -> None:
    code = """
import pathlib, sys
tried = pathlib.Path(sys.argv[1], "tried")
status = 0 if tried.exists() else 1
tried.touch()
sys.exit(status)
"""

    said = bench.run(replace(bench.process("step", code), once=True), until=lambda said: "step is done" in said)

    assert "step exited with status 1" in said


def test_ready_is_what_the_probe_says_not_what_the_clock_says(bench: Bench) -> None:
    answers = iter([False, False, True])

    async def probe() -> bool:
        return next(answers)

    said = bench.run(replace(bench.process("slow", SLEEP), probe=probe), until=lambda said: "slow is ready" in said)

    assert next(answers, None) is None
    assert "slow is ready after" in said


def test_a_process_that_nothing_can_ask_has_started_and_is_not_said_to_be_ready(bench: Bench) -> None:
    said = bench.run(bench.process("mute", SLEEP), until=lambda said: "mute has started" in said)

    assert "is ready" not in said


def test_what_others_need_to_end_well_stops_last(bench: Bench) -> None:
    code = """
import signal, sys, time
def end(*_):
    time.sleep(0.3)
    print("NAME ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("NAME up")
while True:
    time.sleep(1)
"""
    broker = replace(bench.process("broker", code.replace("NAME", "broker").replace("0.3", "0")), stops_last=True)
    user = bench.process("user", code.replace("NAME", "user"))

    said = bench.run(broker, user, until=lambda said: "broker up" in said and "user up" in said)

    assert said.index("user ends") < said.index("broker ends")


def test_every_line_comes_with_the_name_of_its_process(bench: Bench) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); " + SLEEP

    said = bench.run(bench.process("talker", code), until=lambda said: "up" in said)

    assert "talker | out\n" in said
    assert "talker | err\n" in said
