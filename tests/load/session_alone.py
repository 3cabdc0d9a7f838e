"""What the session alone reaches.

Run as `python -m tests.load.session_alone MODEL ROWS ROW_COUNT SECONDS`; prints a line of JSON.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from mlplatform.contracts import HOUSING
from mlplatform.runtime import OnnxModel
from tests.load.figures import Load
from tests.load.model import Model
from tests.load.options import ROOT
from tests.load.pinned import command

_WARM_UP_SECONDS = 0.5


def measure(core: int, model: Model, rows: int, seconds: int) -> Load:
    """Calls a second on that core, in a process of its own."""
    arguments = (str(model.onnx), str(model.folder / "rows.npy"), str(rows), str(seconds))
    done = subprocess.run(
        command(core, sys.executable, "-m", "tests.load.session_alone", *arguments),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return Load(**json.loads(done.stdout))


def _loop(model: OnnxModel, rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], seconds: float) -> list[float]:
    took = []
    end = perf_counter() + seconds
    while (began := perf_counter()) < end:
        model.run(rows)
        took.append(perf_counter() - began)
    return took


def main(onnx: Path, file: Path, count: int, seconds: float) -> None:
    """Run the session in a loop and print what it took."""
    model = OnnxModel(HOUSING, onnx.read_bytes())
    stored = np.load(file)
    rows = np.resize(stored, (count, stored.shape[1]))
    _loop(model, rows, _WARM_UP_SECONDS)
    used = process_time()
    took = _loop(model, rows, seconds)
    used = process_time() - used
    p50, p99 = np.percentile(took, [50, 99]) * 1e6
    figures = {"requests_per_second": len(took) / sum(took), "p50_us": p50, "p99_us": p99}
    sys.stdout.write(json.dumps({**figures, "requests": len(took), "errors": 0, "cpu_seconds": used}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
