"""Which core each process gets, so that nobody measures the load generator."""

import os
from collections.abc import Sequence
from dataclasses import dataclass


class TooFewCores(Exception):
    """There is no core for the load beside the server's."""


@dataclass(frozen=True)
class Cores:
    """`gateway` shares the load's core where there are only two."""

    server: int
    load: int
    gateway: int

    @property
    def load_of_gateway(self) -> int:
        """Where the load comes from when the gateway is compared: never from its core, rather from the server's."""
        return self.server if self.load == self.gateway else self.load


def assign(available: Sequence[int]) -> Cores:
    """One core for each part, as far as they reach.

    Raises:
        TooFewCores: fewer than two.
    """
    if len(available) < 2:
        raise TooFewCores(f"{len(available)} core(s) for server and load: figures would mean nothing")
    server, load, *rest = available
    return Cores(server, load, gateway=rest[0] if rest else load)


def available() -> list[int]:
    """The cores that this process may use.

    Raises:
        TooFewCores: the system cannot pin processes to cores.
    """
    if not hasattr(os, "sched_getaffinity"):
        raise TooFewCores("this system cannot pin a process to a core; run the benchmark on Linux")
    return sorted(os.sched_getaffinity(0))
