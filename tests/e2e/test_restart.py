"""A stop leaves nothing running; a second start finds what the first one left."""

import httpx
import psutil

from mlplatform.contracts import HOUSING
from tests.e2e.conftest import Platform

_SECOND_START_SECONDS = 60


def listening_ports() -> set[int]:
    connections = psutil.net_connections("tcp")
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}


def test_a_stop_leaves_no_process_and_no_port_and_the_next_start_serves_the_same_versions(
    platform: Platform, client: httpx.Client
) -> None:
    before = client.post("/predict/housing", json=dict(HOUSING.example)).json()
    processes = platform.processes()
    ports = set(platform.settings.ports.values())
    assert ports <= listening_ports()

    assert platform.stop() == 0
    assert [process for process in processes if process.is_running()] == []
    assert not ports & listening_ports()

    platform.start()
    platform.wait_until_it_is_whole(_SECOND_START_SECONDS)
    after = client.post("/predict/housing", json=dict(HOUSING.example)).json()
    assert (after["version"], after["prediction"]) == (before["version"], before["prediction"])
