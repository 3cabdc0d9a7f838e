"""A taken port is named."""

import os
import socket

import psutil
import pytest

from deploy.local.errors import CannotStart
from deploy.local.ports import require_free
from tests.helpers.ports import free_port


def test_free_ports_pass() -> None:
    require_free({"gateway": free_port(), "redis": free_port()}, gateway_host="127.0.0.1")


def test_a_taken_port_is_named_with_its_owner_and_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]

        with pytest.raises(CannotStart) as refusal:
            require_free({"gateway": free_port(), "trainer": port}, gateway_host="127.0.0.1")

    me = psutil.Process().name()
    assert str(refusal.value) == (
        f"port {port} for trainer is taken by {me} (pid {os.getpid()}): "
        "set TRAINER_PORT, or GATEWAY_PORT to move the whole stack"
    )


def test_every_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"gateway": one.getsockname()[1], "redis": other.getsockname()[1]}

        with pytest.raises(CannotStart) as refusal:
            require_free(ports, gateway_host="127.0.0.1")

    first, second = str(refusal.value).splitlines()
    assert "for gateway" in first
    assert first.endswith("set GATEWAY_PORT to move the whole stack")
    assert "for redis" in second


def test_a_host_that_is_no_address_is_named() -> None:
    with pytest.raises(CannotStart, match="GATEWAY_HOST not an address"):
        require_free({"gateway": free_port()}, gateway_host="not an address")
