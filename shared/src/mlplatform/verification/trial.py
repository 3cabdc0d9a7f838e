"""The first load of a version, in a process of its own that may crash, hang or eat memory as it likes."""

import asyncio
import json
import os
import sys
from signal import Signals
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Protocol

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, CrashOnLoad, TrialOverrun
from mlplatform.registry import StoredVersion

# Its imports take as long as its work, so it steps back before them, and does not take the core from who answers.
_PROGRAM = "import os; os.nice(10); from mlplatform.verification.child import main; main()"


class Trial(Protocol):
    """Tries a version before it is loaded here."""

    async def __call__(self, contract: Contract, stored: StoredVersion) -> None:
        """Return when it may be loaded.

        Raises:
            ArtifactRejected: it must not.
        """
        ...


class SubprocessTrial:
    """Loads a version in a child with little memory, time and rights, and no file that it could write.

    Args:
        seconds: how long it may take, the start of the interpreter included.
        cpu_seconds: how much of the processor, from when it has started.
        memory_bytes: what the child may allocate beyond what it starts with and eight times the model.
    """

    def __init__(self, *, seconds: float = 60.0, cpu_seconds: int = 30, memory_bytes: int = 512 * 1024 * 1024) -> None:
        self._seconds = seconds
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
        # In threads: uvloop would fork this whole process on the event loop, and nobody be answered for milliseconds.
        child = await asyncio.to_thread(_start)
        try:
            said, complaint = await asyncio.to_thread(_talk, child, payload, self._seconds)
        except TimeoutExpired:
            raise TrialOverrun(f"version {stored.version} took more than {self._seconds:g} seconds to load") from None
        finally:
            child.kill()  # of one that has ended, nothing comes of that; else nobody waits for it any more
        if child.returncode:
            raise CrashOnLoad(
                f"version {stored.version} took the process that tried it down: {_end(child.returncode, complaint)}"
            )
        verdict = json.loads(said.splitlines()[-1])
        if verdict["reason"] is not None:
            raise _rejection(verdict["reason"])(verdict["message"])


def _start() -> Popen[bytes]:
    command = [sys.executable, "-I", "-c", _PROGRAM]
    return Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment())  # noqa: S603 # our own interpreter


def _talk(child: Popen[bytes], payload: bytes, seconds: float) -> tuple[bytes, bytes]:
    """What it says to the payload; it is gone afterwards."""
    with child:
        try:
            return child.communicate(payload, seconds)
        finally:
            child.kill()


def _environment() -> dict[str, str]:
    """What an interpreter needs, and none of this process's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _end(code: int, complaint: bytes) -> str:
    how = Signals(-code).name if code < 0 else f"exit status {code}"
    lines = complaint.decode(errors="replace").strip().splitlines()
    return f"{how}: {lines[-1][:300]}" if lines else how


def _rejection(reason: str) -> type[ArtifactRejected]:
    return next((kind for kind in ArtifactRejected.__subclasses__() if kind.reason == reason), ArtifactRejected)
