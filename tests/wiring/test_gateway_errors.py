"""nginx's error log comes out as lines of JSON."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "services" / "gateway" / "errors.awk"

pytestmark = pytest.mark.skipif(shutil.which("awk") is None, reason="there is no awk here")


def as_json(text: str) -> list[dict[str, str]]:
    said = subprocess.run(["awk", "-f", str(SCRIPT)], input=text, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in said.splitlines()]


def test_a_line_keeps_its_time_its_level_and_its_words() -> None:
    (line,) = as_json('2026/11/25 15:12:11 [warn] 7#7: *34 connect() failed (111: Connection refused), host: "a"\n')
    assert line == {
        "timestamp": "2026-11-25T15:12:11Z",
        "logger": "nginx",
        "level": "warn",
        "event": '*34 connect() failed (111: Connection refused), host: "a"',
    }


@pytest.mark.parametrize(
    "text", ['nginx: [emerg] a "quote" \\ and a backslash', "a\ttab and \x01 more", "", "[warn] no time"]
)
def test_whatever_else_is_written_is_still_one_line_of_json(text: str) -> None:
    (line,) = as_json(f"{text}\n")
    assert line["level"] == "error"
    assert line["event"].split() == text.replace("\x01", " ").split()
