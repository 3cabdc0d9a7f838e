"""Become another program on one core: `python -m tests.load.pinned CORE COMMAND...`.

It gets SIGTERM when the benchmark dies, however that happens, so that nothing is left running.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(core: int, *arguments: str) -> list[str]:
    """The command line that runs `arguments` on that core."""
    return [sys.executable, __file__, str(core), *arguments]


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 # the commands of this package
