"""The health check of the containers, run as they run it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.helpers.ports import free_port
from tests.helpers.stub_service import StubService

SCRIPT = Path(__file__).parents[2] / "deploy" / "docker" / "healthcheck.py"


def check(*arguments: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout


def test_a_service_is_healthy_when_it_answers_200_and_otherwise_says_why() -> None:
    port = free_port()
    with StubService(port, "a service") as service:
        service.answers["/health/ready"] = (200, {"status": "ready"})
        assert check("http", str(port), "/health/ready") == (0, "")
        service.answers["/health/ready"] = (503, {"reason": "no model"})
        status, said = check("http", str(port), "/health/ready")
        assert status == 1
        assert "no model" in said


def test_a_service_that_does_not_listen_is_not_healthy() -> None:
    status, said = check("http", str(free_port()), "/")
    assert status == 1
    assert "refused" in said


def test_a_process_is_healthy_while_it_touches_its_file(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    assert check("file", str(file), "20")[0] == 1
    file.touch()
    assert check("file", str(file), "20") == (0, "")
    os.utime(file, (time.time() - 60, time.time() - 60))
    status, said = check("file", str(file), "20")
    assert status == 1
    assert "60 s ago" in said
