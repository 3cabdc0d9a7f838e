"""The real compose stack, under a name, on ports and with secrets of its own; and the engine that runs it."""

import os
import warnings
from collections.abc import Iterator

import docker
import httpx
import pytest
from docker.errors import DockerException

from tests.helpers.compose import Stack
from tests.helpers.ports import first_of_free_ports
from tests.helpers.prometheus import Receiver

_FIRST_START_SECONDS = 600


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A container engine."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException as error:
        pytest.skip(f"no container engine answers here: {error}")
    with warnings.catch_warnings():
        yield client
        client.close()


@pytest.fixture(scope="session")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole platform, healthy, which means that it has trained its first models."""
    first_port = first_of_free_ports(4)
    stack = Stack(
        engine,
        project=f"ml-platform-test-{os.getpid()}-{first_port}",  # the drills may have one of their own in this process
        folder=tmp_path_factory.mktemp("stack"),
        first_port=first_port,
    )
    stack.secrets.mkdir(parents=True)
    for kind in ("page", "ticket", "watchdog"):  # test_monitoring starts it
        (stack.secrets / f"alert_{kind}_url").write_text(f"http://{Receiver.NAME}:8000/{kind}")
    try:
        stack.up(within_seconds=_FIRST_START_SECONDS)
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the gateway."""
    with httpx.Client(base_url=stack.gateway_url, timeout=30, trust_env=False) as client:
        yield client
