"""How each of our processes dies in its container, with the command that compose gives it."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.helpers.compose import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(300), pytest.mark.usefixtures("stack")]

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = [name for name in SERVICES if name.endswith("-predictor") or name.startswith("trainer")]
LIMITS = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--network=none", "--memory=384m", "--pids-limit=64"]


def end_of(service: str, *options: str) -> subprocess.CompletedProcess[str]:
    image = f"ml-platform/{service if service.endswith('-predictor') else 'trainer'}:dev"
    command = ["docker", "run", "--rm", *LIMITS, *options, image]
    return subprocess.run(
        [*command, *SERVICES[service].get("command", [])], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("service", OURS)
def test_a_wrong_setting_is_one_line_of_json(service: str) -> None:
    ended = end_of(service, "--env=MLPLATFORM_PORT=none")
    assert (ended.returncode, ended.stderr) == (2, "")
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (line["level"], line["event"].split("=")[0]) == ("critical", "bad configuration: MLPLATFORM_PORT")


@pytest.mark.parametrize("service", OURS)
def test_a_library_that_cannot_be_imported_is_one_line_of_json(service: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "structlog.py").write_text("raise ImportError('the disk is bad')")
    ended = end_of(service, "--env=PYTHONPATH=/broken", f"--volume={tmp_path}:/broken:ro")
    assert (ended.returncode, ended.stderr) == (1, "")
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert line["level"] == "critical"
    assert "ImportError: the disk is bad" in line["exception"]
