"""The whole platform, started as `make run` starts it, on free ports and in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.settings import ROOT, Settings
from tests.helpers.ports import first_of_free_ports
from tests.helpers.waiting import wait_until

_FIRST_START_SECONDS = 360
_STOP_SECONDS = 60


class Platform:
    """A stack on a port, with its state in a folder. `client` talks to its gateway."""

    def __init__(self, folder: Path, port: int) -> None:
        self.settings = Settings(gateway_port=port, local_state=folder / "state")
        self.processed = folder / "processed"
        self.log = folder / "log"
        self.client = httpx.Client(base_url=self.settings.gateway_url, timeout=30)
        self.runner = self._run()

    def _run(self) -> subprocess.Popen[bytes]:
        chosen = {
            "GATEWAY_PORT": str(self.settings.gateway_port),
            "LOCAL_STATE": str(self.settings.state_dir),
            "PROCESSED_DIR": str(self.processed),
        }
        command = [sys.executable, "-m", "deploy.local"]
        with self.log.open("ab") as log:
            self._log_begins_at = log.tell()
            return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **chosen}, stdout=log, stderr=log)

    def start(self) -> None:
        """Begin to start again, after a stop."""
        self.runner = self._run()

    def has_welcomed(self) -> bool:
        """Whether this start has said how to get predictions."""
        return b"Both models answer" in self.log.read_bytes()[self._log_begins_at :]

    def health(self) -> httpx.Response | None:
        try:
            return self.client.get("/health")
        except httpx.TransportError:
            return None

    def is_whole(self) -> bool:
        """Every service is ready; a runner that ended has failed."""
        assert self.runner.poll() is None, f"the runner ended:\n{self.log.read_text()[-5_000:]}"
        health = self.health()
        return health is not None and health.json()["status"] == "ok"

    def wait_until_it_is_whole(self, within_seconds: float) -> None:
        try:
            wait_until(self.is_whole, within_seconds=within_seconds, what="every service ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log.read_text()[-5_000:]}") from None

    def processes(self) -> list[psutil.Process]:
        """The runner's children and theirs."""
        if self.runner.poll() is not None:
            return []
        return psutil.Process(self.runner.pid).children(recursive=True)

    def stop(self) -> int:
        """As Ctrl-C does; the exit status."""
        self.runner.send_signal(signal.SIGINT)
        return self.runner.wait(_STOP_SECONDS)

    def end(self) -> None:
        """Whatever happened, leave no process."""
        family = self.processes()
        try:
            if family:
                self.stop()
        finally:
            self.runner.kill()
            self.runner.wait()
            for process in family:
                if process.is_running():
                    process.kill()
            self.client.close()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has just trained its first models."""
    platform = Platform(tmp_path_factory.mktemp("platform"), first_of_free_ports(len(Settings().ports)))
    try:
        platform.wait_until_it_is_whole(_FIRST_START_SECONDS)
        yield platform
    finally:
        platform.end()


@pytest.fixture
def client(platform: Platform) -> httpx.Client:
    """A client of the gateway."""
    return platform.client
