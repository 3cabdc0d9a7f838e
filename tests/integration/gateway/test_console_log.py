"""At a terminal the gateway's log is for a person."""

import re
import subprocess
from pathlib import Path

import httpx

from deploy.local.binaries import find_nginx
from deploy.local.configs import write_nginx_prefix
from deploy.local.processes import nginx_command
from deploy.local.settings import PORT_SETTINGS, Settings
from deploy.local.state import State
from tests.helpers.ports import first_of_free_ports
from tests.helpers.waiting import wait_until


def test_a_request_is_one_short_line(tmp_path: Path) -> None:
    settings = Settings(gateway_port=first_of_free_ports(len(PORT_SETTINGS)), local_state=tmp_path)
    state = State.claim(tmp_path)
    prefix = write_nginx_prefix(settings, state, log_format="console")
    log = tmp_path / "log"
    with (
        log.open("ab") as file,
        subprocess.Popen(nginx_command(find_nginx(), prefix), stdout=file, stderr=file) as nginx,
    ):
        try:
            wait_until(lambda: _asks(f"{settings.gateway_url}/nowhere?a=1"), what="nginx")
            wait_until(lambda: "nowhere" in log.read_text(), what="the line")
        finally:
            nginx.terminate()
            nginx.wait()
            state.release()

    assert re.search(r"^\d\d:\d\d:\d\d GET /nowhere\?a=1 404 \d+ ms$", log.read_text(), re.MULTILINE)


def _asks(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True
