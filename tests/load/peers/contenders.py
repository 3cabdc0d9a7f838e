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
from tests.load.contenders import predictor
from tests.load.cores import Cores
from tests.load.model import Model
from tests.load.peers.environments import PEERS, environment
from tests.load.servers import Server, running

_START_SECONDS = 90


@dataclass(frozen=True)
class PeerAddresses:
    """The URLs to post rows to."""

    ours: str
    mlserver: str
    bentoml: str
    mlflow: str


@contextmanager
def peers(cores: Cores, model: Model, folder: Path) -> Iterator[PeerAddresses]:
    """Ours and the peers, up from the first scenario to the last."""
    environments = folder.parent / "envs"
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(running(predictor(cores, model, folder, port)))
        mlserver, mlserver_url = _mlserver(cores, model, folder, environment("mlserver", environments))
        bentoml, bentoml_url = _bentoml(cores, model, folder, environment("bentoml", environments))
        mlflow, mlflow_url = _mlflow(cores, model, folder, environment("mlflow", environments))
        for server in (mlserver, bentoml, mlflow):
            stack.enter_context(running(server))
        yield PeerAddresses(f"http://127.0.0.1:{port}/predict", mlserver_url, bentoml_url, mlflow_url)


def _mlserver(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, str]:
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
    return server, f"http://127.0.0.1:{port}/v2/models/housing/infer"


def _bentoml(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, str]:
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
    return server, f"http://127.0.0.1:{port}/predict"


def _mlflow(cores: Cores, model: Model, folder: Path, programs: Path) -> tuple[Server, str]:
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
    return server, f"http://127.0.0.1:{port}/invocations"


def _peer(name: str, programs: Path, model: Model) -> dict[str, str]:
    kept = clean_environment(os.environ)
    return kept | {
        "PATH": f"{programs}:{kept['PATH']}",
        "PYTHONPATH": f"{PEERS / name}:{PEERS}",
        "HOUSING_MODEL": str(model.onnx),
    }
