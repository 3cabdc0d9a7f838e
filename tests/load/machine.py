"""What the figures were measured on."""

import os
import platform
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import psutil

from tests.load.cores import Cores

_LIBRARIES = ("fastapi", "httptools", "numpy", "onnxruntime", "orjson", "pydantic", "starlette", "uvicorn", "uvloop")


def facts(cores: Cores) -> dict[str, object]:
    """Python, libraries and processor."""
    return {
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": asdict(cores),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


class Neighbours:
    """How many cores processes that are not the benchmark's keep busy, from the making of this on."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._busy = _busy_seconds()

    def cores_used(self) -> float:
        """On average, so far."""
        return max(0.0, (_busy_seconds() - self._busy) / (monotonic() - self._began))


def _busy_seconds() -> float:
    """Of all processes but this one and its children, dead or alive."""
    times = psutil.cpu_times()
    return float(sum(times)) - float(times.idle) - float(getattr(times, "iowait", 0.0)) - cpu_seconds(os.getpid())


def cpu_seconds(pid: int | None) -> float:
    """What a process and its children, dead or alive, have used of the processors; zero of none."""
    if pid is None:
        return 0.0
    used = 0.0
    process = psutil.Process(pid)
    for member in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            used += sum(member.cpu_times()[:4])
    return used
