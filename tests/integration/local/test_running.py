"""The announcement does not wait for the slowest process."""

import asyncio
import os
import signal
import sys
from io import StringIO
from pathlib import Path

from deploy.local.guardian import Guardian
from deploy.local.output import Output
from deploy.local.processes import Process
from deploy.local.running import run_until_stopped
from deploy.local.supervisor import Supervisor


async def never() -> bool:
    return False


def test_the_announcement_begins_while_a_process_is_not_ready(tmp_path: Path) -> None:
    slow = Process("slow", (sys.executable, "-c", "import time; time.sleep(600)"), env={}, cwd=tmp_path, probe=never)
    output = Output(StringIO(), names=["slow"], colour=False)
    guardian = Guardian(grace_seconds=1)
    supervisor = Supervisor([slow], guardian=guardian, output=output, grace_seconds=1)
    announced: list[list[str]] = []

    async def announce() -> None:
        announced.append(supervisor.waiting_for)
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        asyncio.run(run_until_stopped(supervisor, announce=announce, output=output))
    finally:
        guardian.close()

    assert announced == [["slow"]]
