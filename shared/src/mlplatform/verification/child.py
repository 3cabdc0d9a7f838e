"""The child of a trial: reads a version from its input, loads it under limits, writes a verdict as one JSON line."""

import json
import resource
import sys
from contextlib import suppress
from math import ceil
from pathlib import Path
from time import process_time

from mlplatform.contracts import contract_of
from mlplatform.errors import ArtifactRejected
from mlplatform.registry import Manifest, StoredVersion
from mlplatform.verification.external_data import refuse_external_data
from mlplatform.verification.load import load

_STATM = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


def main() -> None:
    """Limits come first: nothing of the version is read before them."""
    task = json.loads(sys.stdin.buffer.readline())
    _limit(task["memory_bytes"], task["cpu_seconds"])
    try:
        manifest = Manifest.model_validate_json(sys.stdin.buffer.read(task["manifest_bytes"]))
        model = sys.stdin.buffer.read()
        refuse_external_data(model)
        load(contract_of(task["contract"]), StoredVersion(task["version"], manifest, model))
        verdict: dict[str, str | None] = {"reason": None}
    except ArtifactRejected as error:
        verdict = {"reason": error.reason, "message": str(error)}
    sys.stdout.write(json.dumps(verdict) + "\n")


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    with suppress(OSError):  # where memory runs short for all of a container, it is this process that goes
        _OOM_SCORE.write_text("1000")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    # A second between them, so that the signal says what it was: SIGXCPU, not the kernel's last resort.
    _lower(resource.RLIMIT_CPU, ceil(process_time()) + cpu_seconds, leeway=1)
    if _STATM.exists():  # Linux, where the limit also works
        pages = int(_STATM.read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)


def _lower(what: int, most: int, leeway: int = 0) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or most + leeway < hard:
        resource.setrlimit(what, (most, most + leeway))
