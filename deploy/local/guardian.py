"""The process that ends the stack when the runner itself is killed.

It runs apart from the runner and reads a pipe from it: `+ID` when a process group starts, `-ID` when it has
ended. When the pipe closes, for whatever reason, it ends every group that is left. Only the standard library is
imported: it starts at once and costs little.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_POLL_SECONDS = 0.05
_KILLED_SECONDS = 2.0


class Guardian:
    """The runner's end of the pipe."""

    def __init__(self, *, grace_seconds: float, held_fd: int | None = None) -> None:
        """Starts the guardian.

        Args:
            grace_seconds: what the groups get between being asked to stop and being killed.
            held_fd: a file to hold open until all groups are gone.
        """
        self._process = subprocess.Popen(  # noqa: S603 # this very file
            [sys.executable, "-I", "-S", str(Path(__file__)), str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={},
            start_new_session=True,
            pass_fds=() if held_fd is None else (held_fd,),
        )

    def watch(self, group: int) -> None:
        """Puts a process group under guard."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Takes a process group that has ended from the guard."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Ends the guardian, and what is still under guard with it."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101 # for the type checker: a pipe was asked for
        os.write(self._process.stdin.fileno(), line.encode())


def end_groups(groups: set[int], *, grace_seconds: float) -> None:
    """Asks every group to stop and kills those that have not after the grace."""
    for signum, patience_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, _KILLED_SECONDS)):
        groups = {group for group in groups if _signal(group, signum)}
        deadline = time.monotonic() + patience_seconds
        while groups and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            groups = {group for group in groups if _signal(group, 0)}


def _signal(group: int, signum: int) -> bool:
    try:
        os.killpg(group, signum)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # what macOS says of a group of zombies
    return True


def _main() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # it ends when the runner has
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[0], int(line[1:])
        (groups.add if change == "+" else groups.discard)(group)
    if groups:
        with contextlib.suppress(OSError):
            print("the runner was killed: stopping what it had started", file=sys.stderr)
        end_groups(groups, grace_seconds=float(sys.argv[1]))


if __name__ == "__main__":
    _main()
