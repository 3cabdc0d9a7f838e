"""The first load of a version, in a process of its own that may crash, hang or eat memory as it likes."""

import asyncio
import json
import os
import sys
from signal import Signals
from subprocess import PIPE, CompletedProcess, Popen, TimeoutExpired
from typing import Protocol

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, CrashOnLoad, TrialOverrun
from mlplatform.registry import StoredVersion

# Its imports take longer than its work, so it steps back before them. Behind everybody, it is put off at once whenever
# who answers wants the core; where all cores are busy it never gets one, and has another try, merely of less weight.
_BEHIND_ALL = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
_OF_LESS_WEIGHT = "os.nice(10)"
_PROGRAM = """
import os
try:
    {}
except (AttributeError, OSError):  # another system, or one that forbids it
    pass
from mlplatform.verification.child import main
main()
"""


class Trial(Protocol):
    """Tries a version before it is loaded here."""

    async def __call__(self, contract: Contract, stored: StoredVersion, /) -> None:
        """Return when it may be loaded.

        Raises:
            ArtifactRejected: it must not.
        """
        ...


class SubprocessTrial:
    """Loads a version in a child with little memory, time and rights, and no file that it could write.

    Args:
        seconds: how long it may take, the start of the interpreter included.
        idle_seconds: how long that is tried with nothing but the processor's idle time first.
        cpu_seconds: how much of the processor, from when it has started.
        memory_bytes: what the child may allocate beyond what it starts with and eight times the model.
    """

    def __init__(
        self,
        *,
        seconds: float = 60.0,
        idle_seconds: float = 3.0,
        cpu_seconds: int = 30,
        memory_bytes: int = 512 * 1024 * 1024,
    ) -> None:
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes

    async def __call__(self, contract: Contract, stored: StoredVersion) -> None:
        manifest = stored.manifest.model_dump_json().encode()
        task = {
            "contract": contract.model,
            "version": stored.version,
            "manifest_bytes": len(manifest),
            "memory_bytes": self._memory_bytes + 8 * len(stored.model),
            "cpu_seconds": self._cpu_seconds,
        }
        payload = b"%b\n%b%b" % (json.dumps(task).encode(), manifest, stored.model)
        child = await _run(_BEHIND_ALL, payload, self._idle_seconds) or await _run(
            _OF_LESS_WEIGHT, payload, self._seconds
        )
        if child is None:
            raise TrialOverrun(f"version {stored.version} took more than {self._seconds:g} seconds to load")
        if child.returncode:
            raise CrashOnLoad(f"version {stored.version} took the process that tried it down: {_end(child)}")
        if not child.stdout.endswith(b"\n"):
            raise CrashOnLoad(f"version {stored.version} ended the process that tried it without a word")
        verdict = json.loads(child.stdout.splitlines()[-1])
        if verdict["reason"] is not None:
            raise _rejection(verdict["reason"])(verdict["message"])


async def _run(priority: str, payload: bytes, seconds: float) -> CompletedProcess[bytes] | None:
    """A child that has ended by itself; none where it took too long. It is gone, whatever happens."""
    # In threads: uvloop would fork this whole process on the event loop, and nobody be answered for milliseconds.
    child = await asyncio.to_thread(_start, priority)
    try:
        return await asyncio.to_thread(_talk, child, payload, seconds)
    except TimeoutExpired:
        return None
    finally:
        child.kill()  # of one that has ended, nothing comes of that; else nobody waits for it any more


def _start(priority: str) -> Popen[bytes]:
    command = [sys.executable, "-I", "-c", _PROGRAM.format(priority)]
    return Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment())  # noqa: S603 # our own interpreter


def _talk(child: Popen[bytes], payload: bytes, seconds: float) -> CompletedProcess[bytes]:
    with child:
        try:
            said, complaint = child.communicate(payload, seconds)
        finally:
            child.kill()
    return CompletedProcess(child.args, child.returncode, said, complaint)


def _environment() -> dict[str, str]:
    """What an interpreter needs, and none of this process's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _end(child: CompletedProcess[bytes]) -> str:
    code = child.returncode
    how = Signals(-code).name if code < 0 else f"exit status {code}"
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    return f"{how}: {lines[-1][:300]}" if lines else how


def _rejection(reason: str) -> type[ArtifactRejected]:
    return next((kind for kind in ArtifactRejected.__subclasses__() if kind.reason == reason), ArtifactRejected)
