"""A stack of small children under the real supervisor, to be killed by tests: `python -m tests.helpers.small_stack`.

Prints `pid NAME PID` for each process, grandchildren included, then `ready`.
"""

import asyncio
import os
import sys
from pathlib import Path

from deploy.local.guardian import Guardian
from deploy.local.output import Output
from deploy.local.processes import Process
from deploy.local.running import run_until_stopped
from deploy.local.state import State
from deploy.local.supervisor import Supervisor

_SERVER = """
import os, socket, subprocess, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pid server", os.getpid(), flush=True)
print("pid grandchild", grandchild.pid, flush=True)
time.sleep(600)
"""
_STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("pid stubborn", os.getpid(), flush=True)
time.sleep(600)
"""


async def _main(port: int, folder: Path) -> None:
    state = State.claim(folder)

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    def child(name: str, code: str, *arguments: str) -> Process:
        return Process(name, (sys.executable, "-c", code, *arguments), env=dict(os.environ), cwd=folder, probe=listens)

    processes = [child("server", _SERVER, str(port)), child("stubborn", _STUBBORN)]
    output = Output(sys.stdout, names=[process.name for process in processes], colour=False)
    guardian = Guardian(grace_seconds=0.5, held_fd=state.lock_fd)
    supervisor = Supervisor(processes, guardian=guardian, output=output, grace_seconds=0.5)

    async def announce() -> None:
        await supervisor.all_ready()
        output.block("ready")

    try:
        await run_until_stopped(supervisor, announce=announce, output=output)
    finally:
        guardian.close()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2])))
