"""A stop leaves nothing running; a second start finds what the first one left."""

import shutil
import time
from contextlib import suppress
from functools import partial

import httpx
import psutil

from mlplatform.contracts import CONTRACTS, HOUSING, Contract
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

_PREDICTIONS_SECONDS = 30
_WHOLE_SECONDS = 90


def listening_ports() -> set[int]:
    connections = psutil.net_connections("tcp")
    listening = [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]
    return {address.port for address in listening if address}


def answers(client: httpx.Client, contract: Contract) -> bool:
    with suppress(httpx.TransportError):
        return client.post(f"/predict/{contract.model}", json=dict(contract.example)).is_success
    return False


def test_a_stop_leaves_no_process_and_no_port_and_the_next_start_serves_the_same_versions(
    platform: Platform, client: httpx.Client
) -> None:
    before = client.post("/predict/housing", json=dict(HOUSING.example)).json()
    processes = platform.processes()
    ports = {
        port
        for process, port in platform.settings.ports.items()
        if process != "prometheus" or shutil.which("prometheus")  # it runs only where it is installed
    }
    assert ports <= listening_ports()

    assert platform.stop() == 0
    assert [process for process in processes if process.is_running()] == []
    assert not ports & listening_ports()

    deadline = time.monotonic() + _PREDICTIONS_SECONDS
    platform.start()
    for contract in CONTRACTS.values():
        wait_until(
            partial(answers, client, contract),
            within_seconds=deadline - time.monotonic(),
            what=f"a prediction of {contract.model} after the second start",
        )
    after = client.post("/predict/housing", json=dict(HOUSING.example)).json()
    assert (after["version"], after["prediction"]) == (before["version"], before["prediction"])
    wait_until(platform.has_welcomed, what="the welcome, though not everything is ready")
    platform.wait_until_it_is_whole(_WHOLE_SECONDS)
