"""What a process says of its own end, as a child that really ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFIGURED = """
from mlplatform.telemetry.logging import configure_logging
configure_logging("housing-predictor", "{format}", model="housing")
"""

ENDS = {
    "an import that fails": ("import no_such_module", "the process ends by an error", "ModuleNotFoundError"),
    "a syntax error": ("def :", "the process ends by an error", "SyntaxError"),
    "an error that nobody caught": ("1 / 0", "the process ends by an error", "ZeroDivisionError"),
    "words at the end": ("raise SystemExit('no more')", "no more", None),
}

MISHAPS = {
    "an error in a thread": (
        "from threading import Thread\nthread = Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
        {"event": "a thread ends by an error", "level": "error"},
    ),
    "an error that nobody can catch": (
        "class Thing:\n    def __del__(self): 1 / 0\nThing()",
        {"event": "an error that nobody could catch", "level": "error"},
    ),
    "a warning": (
        "import warnings\nwarnings.warn('it will be gone', FutureWarning)",
        {"event": "it will be gone", "level": "warning", "category": "FutureWarning"},
    ),
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program as a process of the platform does."""

    def run_program(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "program.py").write_text(program)
        return subprocess.run(
            [sys.executable, "-m", "mlplatform.process", "program"],
            env={**os.environ, "PYTHONPATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_program


def only_line(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.stderr == ""
    (line,) = ended.stdout.splitlines()
    told = json.loads(line)
    assert {"timestamp", "level", "event", "logger"} <= told.keys()
    return dict(told)


@pytest.mark.parametrize("before", ["", CONFIGURED.format(format="json")], ids=["at once", "later"])
@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_a_process_is_one_line(run: Run, before: str, end: str) -> None:
    program, event, exception = ENDS[end]
    ended = run(before + program if end != "a syntax error" else program)
    assert ended.returncode == 1
    told = only_line(ended)
    assert (told["level"], told["event"]) == ("critical", event)
    assert (exception or "") in told.get("exception", "")


@pytest.mark.parametrize("before", ["", CONFIGURED.format(format="json")], ids=["at once", "later"])
@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_goes_wrong_beside_the_way_is_one_line(run: Run, before: str, mishap: str) -> None:
    program, facts = MISHAPS[mishap]
    ended = run(before + program)
    assert ended.returncode == 0
    told = only_line(ended)
    assert told.items() >= facts.items()
    assert ("ZeroDivisionError" in told.get("exception", "")) == (told["level"] == "error")


def test_once_the_log_is_set_up_the_line_tells_whose_it_is(run: Run) -> None:
    told = only_line(run(CONFIGURED.format(format="json") + "1 / 0"))
    assert (told["service"], told["model"]) == ("housing-predictor", "housing")


@pytest.mark.parametrize("before", ["", CONFIGURED.format(format="console")], ids=["at once", "later"])
def test_at_a_terminal_an_end_is_for_a_person(run: Run, before: str) -> None:
    ended = run(before + "1 / 0", MLPLATFORM_LOG_FORMAT="console")
    said = ended.stdout + ended.stderr
    assert "the process ends by an error" in said
    assert 'program.py", line' in said
    assert not any(line.startswith("{") for line in said.splitlines())


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_that_ends_by_itself_says_nothing_and_keeps_its_status(run: Run, status: int) -> None:
    ended = run(f"import sys\nassert __name__ == '__main__'\nsys.exit({status})")
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")


def test_a_module_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mlplatform.process", "nowhere.to.be.found"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "nowhere" in only_line(ended)["exception"]
