"""Real predictors of the housing model, each a process of its own with a cache of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from mlplatform.contracts import HOUSING
from tests.helpers.ports import first_of_free_ports
from tests.helpers.waiting import wait_until

ROW = json.dumps(dict(HOUSING.example)).encode()
_START_SECONDS = 30


class Predictor:
    """A predictor that asks an MLflow at a URL twice a second."""

    module = "housing_predictor.app"

    def __init__(self, mlflow_url: str, folder: Path, **settings: str) -> None:
        self.port = first_of_free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._mlflow_url, self._folder, self._settings = mlflow_url, folder, settings
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        # One for all calls, as a new one reads the certificates first; no connection outlives a restart.
        self._client = httpx.Client(base_url=self.url, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.close()

    def start(self) -> None:
        """Start, and return at once."""
        settings = {
            "MLPLATFORM_PORT": str(self.port),
            "MLPLATFORM_MLFLOW_URL": self._mlflow_url,
            "MLPLATFORM_CACHE_DIR": str(self._folder / "cache"),
            "MLPLATFORM_POLL_SECONDS": "0.5",
            **{f"MLPLATFORM_{name.upper()}": value for name, value in self._settings.items()},
        }
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "mlplatform.process", self.module]
            self._process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)

    def stop(self) -> int:
        """Ask it to end, and say how it did."""
        self.ask_to_stop()
        return self.end()

    def ask_to_stop(self) -> None:
        """As an engine does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """Wait for its end, and say how it was."""
        assert self._process is not None
        return self._process.wait(30)

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has said."""
        return [json.loads(line) for line in (self._folder / "log").read_text().splitlines()]

    @property
    def memory(self) -> int:
        """Resident bytes."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def health(self) -> dict[str, Any]:
        return dict(self._client.get("/health").json())

    def predict(self, **headers: str) -> dict[str, Any]:
        response = self._client.post("/predict", content=ROW, headers=headers)
        return {"status": response.status_code, **response.json()}

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric of the platform's; 0 where there is none."""
        wanted = {"model": "housing", **labels}
        for family in text_string_to_metric_families(self._client.get("/metrics").text):
            for sample in family.samples:
                if sample.name == f"mlplatform_{name}" and sample.labels == wanted:
                    return float(sample.value)
        return 0.0

    def serves(self) -> str | None:
        """The version that serves; none as long as there is none."""
        try:
            return self.health().get("version")
        except httpx.TransportError:
            return None

    def wait_for(self, version: str) -> None:
        """Until a version serves."""
        wait_until(lambda: self.serves() == version, within_seconds=_START_SECONDS, what=f"version {version}")
