"""What keeps the platform from starting is said in a line, before anything starts."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.settings import PORT_SETTINGS, ROOT
from deploy.local.state import State
from tests.helpers.ports import first_of_free_ports


def start(**settings: str) -> tuple[int, list[str]]:
    done = subprocess.run(  # our own
        [sys.executable, "-m", "deploy.local"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("value", ["eighty", "0", "70000"])
def test_a_port_that_is_none(value: str, tmp_path: Path) -> None:
    status, (line,) = start(GATEWAY_PORT=value, LOCAL_STATE=str(tmp_path))

    assert status == 2
    assert line.startswith("GATEWAY_PORT: ")
    assert value in line


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    first = first_of_free_ports(len(PORT_SETTINGS))
    with socket.create_server(("127.0.0.1", first + 3)):
        status, (line,) = start(GATEWAY_PORT=str(first), LOCAL_STATE=str(tmp_path))

    assert status == 2
    assert line.startswith(f"port {first + 3} for trainer is taken by ")
    assert line.endswith("set TRAINER_PORT, or GATEWAY_PORT to move the whole stack")


def test_a_state_folder_that_is_in_use(tmp_path: Path) -> None:
    state = State.claim(tmp_path)
    try:
        status, (line,) = start(GATEWAY_PORT=str(first_of_free_ports(len(PORT_SETTINGS))), LOCAL_STATE=str(tmp_path))
    finally:
        state.release()

    assert status == 2
    assert "belongs to a stack that is running" in line
