"""Load that runs beside the one that is measured."""

import subprocess
from typing import Self

from tests.load.figures import FailedRequests, Load
from tests.load.wrk_output import parse


class Background:
    """wrk in the background: it ends by itself, and whoever leaves the block waits for that."""

    def __init__(self, name: str, command: list[str]) -> None:
        self._name = name
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._output = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._process.kill()
        self._output, _rest = self._process.communicate()

    def load(self) -> Load:
        """What it saw, once it has ended.

        Raises:
            FailedRequests: an answer was not a 2xx.
        """
        load = parse(self._output)
        if load.errors:
            raise FailedRequests(f"{self._name}: {load.errors} of {load.requests} requests failed\n{self._output}")
        return load
