"""Ports that nobody has."""

import contextlib
import random
import socket


def free_port() -> int:
    """A port that is free now."""
    return first_of_free_ports(1)


def first_of_free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    # Below the range from which the system picks ports for clients, so that none of those takes it meanwhile.
    for first in random.sample(range(20000, 32000, count), 500):
        if all(_is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row")


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
