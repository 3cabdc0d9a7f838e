"""`make bench-job`: what a retraining takes beyond the fits that it contains.

The whole job, from the request to its end on a live stack, in turn with the same fits in a bare process. Both fit on
one thread. What the job does beside: read and check the data, keep MLflow informed, export, compare with scikit-learn
on the hold-out, on random rows and at every threshold, meet the champion, register, promote, wait in the queue.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from deploy.local.settings import Settings
from tests.e2e.conftest import Platform
from tests.helpers.ports import first_of_free_ports
from tests.load import machine
from tests.load.options import ROOT
from tests.load.say import say
from tests.load.table import table

_ROUNDS = int(os.environ.get("ROUNDS", "3"))
_MODELS = ("housing", "iris")
_BAR = 1.25
_FIRST_START_SECONDS, _JOB_SECONDS = 360, 600


def main() -> int:
    """Measure, print, write down."""
    neighbours = machine.Neighbours()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        platform = Platform(Path(scratch), first_of_free_ports(len(Settings().ports)))
        try:
            platform.wait_until_it_is_whole(_FIRST_START_SECONDS)
            rounds = [_round(platform, number) for number in range(_ROUNDS)]
        finally:
            platform.end()
    ratios = {model: median(job / bare for bare, job in (each[model] for each in rounds)) for model in _MODELS}
    rows = [_row(model, [each[model] for each in rounds], ratios[model]) for model in _MODELS]
    say(table(["model", "bare fits s", "whole job s", "ratio", "wanted"], rows))
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "rounds": rounds, "ratios": ratios}
    results = ROOT / os.environ.get("BENCH_DIR", ".local/bench") / "results"
    results.mkdir(parents=True, exist_ok=True)
    written = results / f"job-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    written.write_text(json.dumps(document | {"cores_used_by_others": round(neighbours.cores_used(), 2)}, indent=2))
    say(f"\nEverything, round by round: {written}")
    return 0


def _round(platform: Platform, number: int) -> dict[str, tuple[float, float]]:
    """Seconds of the bare fits and of the job, for each model; every other round begins with the job."""
    found = {}
    for model in _MODELS:
        turns = [lambda model=model: _bare(model), lambda model=model: _job(platform, model)]
        order = (0, 1) if number % 2 == 0 else (1, 0)
        seconds = {turn: turns[turn]() for turn in order}
        found[model] = (seconds[0], seconds[1])
        say(f"  round {number + 1}/{_ROUNDS}: {model}: bare {seconds[0]:.1f} s, job {seconds[1]:.1f} s")
    return found


def _bare(model: str) -> float:
    said = subprocess.run(
        [sys.executable, "-m", "tests.load.bare_training", model], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(said.stdout)


def _job(platform: Platform, model: str) -> float:
    location = platform.client.post("/retrain", json={"model": model, "reason": "bench"}).headers["location"]
    deadline = time.monotonic() + _JOB_SECONDS
    while True:
        job = platform.client.get(location).json()
        if job["finished_at"]:
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"the job is still {job['state']}, {job['stage']}")
        time.sleep(0.5)
    if job["state"] not in {"promoted", "held", "rejected"}:
        raise RuntimeError(f"the job ended as {job['state']}: {job['error']}")
    began, ended = (datetime.fromisoformat(job[moment]) for moment in ("created_at", "finished_at"))
    return (ended - began).total_seconds()


def _row(model: str, seconds: list[tuple[float, float]], ratio: float) -> list[str]:
    bare, job = (median(each[side] for each in seconds) for side in (0, 1))
    return [model, f"{bare:.1f}", f"{job:.1f}", f"{ratio:.2f}", f"at most {_BAR}"]


if __name__ == "__main__":
    sys.exit(main())
