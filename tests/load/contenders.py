"""Who is measured: the ceiling, ours, ours behind the gateway, and what most people would write."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.binaries import find_nginx
from deploy.local.configs import write_nginx_prefix
from deploy.local.environment import clean_environment
from deploy.local.processes import nginx_command
from deploy.local.settings import Settings
from deploy.local.state import State
from tests.helpers.ports import free_port
from tests.load.cores import Cores
from tests.load.model import Model
from tests.load.options import ROOT
from tests.load.servers import Server, running
from tests.load.targets import JSON_HEADERS, Target

CLOSED_URL = "http://127.0.0.1:9"
"""Discard: nobody listens, so the predictor lives from its cache, as with MLflow down."""


@dataclass(frozen=True)
class Address:
    """A port and the process that answers there."""

    port: int
    pid: int

    def target(self, path: str, bodies: tuple[bytes, ...], headers: Mapping[str, str] = JSON_HEADERS) -> Target:
        """Posts to a path there."""
        return Target(f"http://127.0.0.1:{self.port}{path}", bodies, headers, self.pid)


@dataclass(frozen=True)
class Addresses:
    """Where the contenders answer."""

    bare: Address
    ours: Address
    gateway: Address
    fastapi: Address


@contextmanager
def contenders(cores: Cores, model: Model, folder: Path) -> Iterator[Addresses]:
    """All of them, running on the server's core; the gateway elsewhere."""
    bare, ours, gateway, fastapi = (free_port() for _ in range(4))
    with ExitStack() as stack:
        servers = {
            bare: running(_python("bare", cores, folder, "tests.load.bare_app", str(bare))),
            ours: running(predictor(cores, model, folder, ours)),
            fastapi: running(
                _python("fastapi", cores, folder, "tests.load.fastapi_app", str(fastapi), str(model.onnx))
            ),
            gateway: _gateway(cores, folder, port=gateway, predictor=ours),
        }
        up = {port: Address(port, stack.enter_context(server)) for port, server in servers.items()}
        yield Addresses(up[bare], up[ours], up[gateway], up[fastapi])


def predictor(cores: Cores, model: Model, folder: Path, port: int) -> Server:
    """Ours, with everything on and the model registry away."""
    return Server(
        name="ours",
        command=(sys.executable, "-m", "mlplatform.process", "housing_predictor.app"),
        core=cores.server,
        ready_url=f"http://127.0.0.1:{port}/health/ready",
        env=environment()
        | {
            "MLPLATFORM_HOST": "127.0.0.1",
            "MLPLATFORM_PORT": str(port),
            "MLPLATFORM_LOG_FORMAT": "json",
            "MLPLATFORM_MLFLOW_URL": CLOSED_URL,
            "MLPLATFORM_CACHE_DIR": str(model.cache),
        },
        folder=folder,
    )


def environment() -> dict[str, str]:
    """What every server sees of this machine; PYTHONPATH passes, so that another working copy can be measured."""
    paths = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return clean_environment(os.environ) | {"PYTHONPATH": paths}


def _python(name: str, cores: Cores, folder: Path, module: str, port: str, *rest: str) -> Server:
    return Server(
        name=name,
        command=(sys.executable, "-m", module, port, *rest),
        core=cores.server,
        ready_url=f"http://127.0.0.1:{port}/openapi.json",
        env=environment(),
        folder=folder,
    )


@contextmanager
def _gateway(cores: Cores, folder: Path, *, port: int, predictor: int) -> Iterator[int]:
    """The real nginx with the platform's own template."""
    state = State.claim(folder / "gateway")
    try:
        settings = Settings(gateway_port=port, housing_predictor_port=predictor)
        prefix = write_nginx_prefix(settings, state, workers="1")  # it has one core
        server = Server(
            name="gateway",
            command=nginx_command(find_nginx(), prefix),
            core=cores.gateway,
            ready_url=f"http://127.0.0.1:{port}/",
            any_answer=True,
            env=environment(),
            folder=folder,
            quiet=True,  # a line for each request
        )
        with running(server) as pid:
            yield pid
    finally:
        state.release()
