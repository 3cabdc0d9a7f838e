"""The peers, each with one worker process, all on the core of ours."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.environment import clean_environment
from mlplatform.contracts import HOUSING
from tests.helpers.ports import free_port
from tests.load.contenders import Address, predictor
from tests.load.cores import Cores
from tests.load.model import Model
from tests.load.peers.environments import PEERS, environment
from tests.load.servers import Server, running

_START_SECONDS = 90


@dataclass(frozen=True)
class PeerAddresses:
    """Where they answer."""

    ours: Address
    mlserver: Address
    bentoml: Address
    mlflow: Address


@contextmanager
def peers(cores: Cores, model: Model, folder: Path) -> Iterator[PeerAddresses]:
    """Ours and the peers, up from the first scenario to the last."""
    environments = folder.parent / "envs"
    port = free_port()
    servers = [
        (predictor(cores, model, folder, port), port),
        _mlserver(cores, model, folder, environment("mlserver", environments)),
        _bentoml(cores, model, folder, environment("bentoml", environments)),
        _mlflow(cores, model, folder, environment("mlflow", environments)),
    ]
    with ExitStack() as stack:
        yield PeerAddresses(*(Address(port, stack.enter_context(running(server))) for server, port in servers))


def _mlserver(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, int]:
    home = folder / "mlserver"
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "name": HOUSING.model,
        "implementation": "housing_runtime.HousingRuntime",
        "parameters": {"uri": str(model.onnx), "version": "1"},
    }
    (home / "model-settings.json").write_text(json.dumps(settings))
    port, grpc, metrics = free_port(), free_port(), free_port()
    server = Server(
        name="mlserver",
        command=(str(programs / "mlserver"), "start", str(home)),
        core=cores.server,
        ready_url=f"http://127.0.0.1:{port}/v2/models/housing/ready",
        env=_peer("mlserver", programs, model)
        | {
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": str(port),
            "MLSERVER_GRPC_PORT": str(grpc),
            "MLSERVER_METRICS_PORT": str(metrics),
            "MLSERVER_METRICS_DIR": str(home),
            "MLSERVER_DEBUG": "false",  # no access log
            "MLSERVER_PARALLEL_WORKERS": "0",  # in the process that answers HTTP: a worker beside it is slower
        },
        folder=home,
        start_seconds=_START_SECONDS,
    )
    return server, port


def _bentoml(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, int]:
    port = free_port()
    server = Server(
        name="bentoml",
        command=(
            *(str(programs / "bentoml"), "serve", "housing_service:Housing"),
            *("--host", "127.0.0.1", "--port", str(port), "--working-dir", str(PEERS / "bentoml")),
        ),
        core=cores.server,
        ready_url=f"http://127.0.0.1:{port}/readyz",
        env=_peer("bentoml", programs, model)
        | {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": str(folder / "bentoml" / "home")},
        folder=folder / "bentoml",
        start_seconds=_START_SECONDS,
    )
    return server, port


def _mlflow(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, int]:
    port = free_port()
    server = Server(
        name="mlflow",
        command=(
            *(str(programs / "mlflow"), "models", "serve", "--model-uri", str(model.mlflow)),
            *("--host", "127.0.0.1", "--port", str(port), "--env-manager", "local", "--workers", "1"),
        ),
        core=cores.server,
        ready_url=f"http://127.0.0.1:{port}/ping",
        env=_peer("mlflow", programs, model) | {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"},
        folder=folder / "mlflow",
        start_seconds=_START_SECONDS,
    )
    return server, port


def _peer(name: str, programs: Path, model: Model) -> dict[str, str]:
    kept = clean_environment(os.environ)
    return kept | {
        "PATH": f"{programs}:{kept['PATH']}",
        "PYTHONPATH": f"{PEERS / name}:{PEERS}",
        "HOUSING_MODEL": str(model.onnx),
    }
