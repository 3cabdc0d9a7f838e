"""Real servers that integration tests share."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until

MLFLOW = Path(__file__).parents[2] / "services" / "mlflow"
_START_SECONDS = 120


@pytest.fixture(scope="session")
def mlflow_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the MLflow server says."""
    return tmp_path_factory.mktemp("mlflow") / "log"


@pytest.fixture(scope="session")
def mlflow_url(mlflow_log: Path) -> Iterator[str]:
    """An MLflow server with an empty SQLite database that proxies its artifacts."""
    folder = mlflow_log.parent
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with mlflow_log.open("w") as log:
        server = subprocess.Popen(  # nothing here comes from outside
            [
                *(sys.executable, str(MLFLOW / "command.py"), "server", "--host", "127.0.0.1", "--port", str(port)),
                *("--uvicorn-opts", f"--no-access-log --log-config {shlex.quote(str(MLFLOW / 'logging.json'))}"),
                *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
                *("--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"), "--workers", "1"),
            ],
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PYTHONWARNINGS": "ignore:starlette.middleware.wsgi is deprecated",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _answers(url, server, mlflow_log), within_seconds=_START_SECONDS, what="MLflow")
        yield url
    finally:
        # The server's children outlive it unless the whole group ends.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(url: str, server: "subprocess.Popen[bytes]", log: Path) -> bool:
    if server.poll() is not None:
        raise RuntimeError(f"MLflow ended:\n{log.read_text()[-2_000:]}")
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.TransportError:
        return False
