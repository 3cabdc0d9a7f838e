"""A real nginx with real, tiny services behind it."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from deploy.local.binaries import find_nginx
from deploy.local.configs import write_nginx_prefix
from deploy.local.processes import nginx_command
from deploy.local.settings import PORT_SETTINGS, Settings
from deploy.local.state import State
from tests.helpers.gateway import Gateway
from tests.helpers.ports import first_of_free_ports
from tests.helpers.stub_service import StubService
from tests.helpers.waiting import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    settings = Settings(gateway_port=first_of_free_ports(len(PORT_SETTINGS)), local_state=folder)
    state = State.claim(folder)
    prefix = write_nginx_prefix(settings, state)
    log = folder / "log"
    with (
        log.open("ab") as file,
        httpx.Client(base_url=settings.gateway_url, trust_env=False) as client,
        subprocess.Popen(nginx_command(find_nginx(), prefix), stdout=file, stderr=file) as nginx,  # our own
    ):
        try:
            wait_until(lambda: _answers(client), what=f"nginx: {log.read_text()}")
            yield Gateway(settings, client, log)
        finally:
            nginx.terminate()
            nginx.wait()
            state.release()


@pytest.fixture
def services(gateway: Gateway) -> Iterator[dict[str, StubService]]:
    """All three services, each saying that it is well."""
    names = ("housing-predictor", "iris-predictor", "trainer")
    with ExitStack() as stack:
        running = {name: stack.enter_context(gateway.service(name)) for name in names}
        for name, service in running.items():
            service.answers["/health"] = (200, {"status": "ready", "service": name})
        yield running


def _answers(client: httpx.Client) -> bool:
    try:
        client.get("/")
    except httpx.TransportError:
        return False
    return True
