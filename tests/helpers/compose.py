"""The compose stack, as its tests handle it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

from deploy.containers.announcement import EXAMPLES
from deploy.containers.secrets import make_secrets
from tests.helpers.waiting import wait_until

ROOT = Path(__file__).parents[2]
ONE_SHOTS = {"trainer-db", "mlflow-db"}
# There may be no image of it where the tests run; nothing depends on it.
LEFT_OUT = {"grafana"}
BODIES = {model: body.encode() for model, body in EXAMPLES.items()}


class Stack:
    """A stack under a project name. Everything it makes, `remove` takes away."""

    def __init__(self, engine: docker.DockerClient, *, project: str, folder: Path, first_port: int) -> None:
        self.engine = engine
        self.project = project
        self.secrets = folder / "secrets"
        self.ports = {
            name: first_port + offset
            for offset, name in enumerate(("GATEWAY_PORT", "MLFLOW_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT"))
        }
        self.gateway_url = f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"
        self.declared: dict[str, dict[str, Any]] = yaml.safe_load(self.compose("config", "--no-path-resolution"))[
            "services"
        ]

    @property
    def services(self) -> set[str]:
        """Those that run here."""
        return set(self.declared) - LEFT_OUT

    def compose(self, *arguments: str, within_seconds: float = 300) -> str:
        """What `docker compose` says to that."""
        chosen = {
            "GATEWAY_HOST": "127.0.0.1",
            "SECRETS_DIR": str(self.secrets),
            **{name: str(port) for name, port in self.ports.items()},
        }
        ended = subprocess.run(
            ["docker", "compose", "--project-name", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, **chosen},
            capture_output=True,
            text=True,
            timeout=within_seconds,
            check=False,
        )
        assert ended.returncode == 0, f"docker compose {' '.join(arguments)}:\n{ended.stdout}\n{ended.stderr[-5_000:]}"
        return ended.stdout

    def up(self, *arguments: str, within_seconds: float = 300, build: bool = True) -> None:
        """Starts everything and waits until it is healthy."""
        make_secrets(self.secrets)
        without = [word for service in LEFT_OUT for word in ("--scale", f"{service}=0")]
        how = ["--build", "--wait", f"--wait-timeout={within_seconds}"] if build else []
        self.compose("up", "--detach", "--pull", "never", *how, *without, *arguments, within_seconds=within_seconds)

    def scale(self, service: str, replicas: int) -> None:
        """Changes the number of replicas and touches nothing else; returns when the engine has done it."""
        self.compose(
            "up",
            "--detach",
            "--pull",
            "never",
            "--no-deps",
            "--no-recreate",
            "--scale",
            f"{service}={replicas}",
            service,
        )

    def containers(self, service: str | None = None, *, ended: bool = False) -> list[Container]:
        labels = [f"com.docker.compose.project={self.project}"]
        if service:
            labels.append(f"com.docker.compose.service={service}")
        return list(self.engine.containers.list(all=ended, filters={"label": labels}))

    def the(self, service: str) -> Container:
        """Its only container."""
        (container,) = self.containers(service)
        return container

    def unhealthy(self, services: Iterable[str] | None = None) -> dict[str, str]:
        """Those that do not do what they are there for, and how they are."""
        states: dict[str, str] = {}
        for service in services or self.services - ONE_SHOTS:
            replicas = self.containers(service)
            for replica in replicas:
                state = replica.attrs["State"]
                health = state.get("Health", {}).get("Status", state["Status"])
                if health not in {"healthy", "running"}:
                    states[str(replica.name)] = health
            if not replicas:
                states[service] = "not running"
        return states

    def wait_until_healthy(self, *, within_seconds: float) -> float:
        """How long it took, in seconds."""
        began = time.monotonic()
        try:
            wait_until(lambda: not self.unhealthy(), within_seconds=within_seconds, what="every container healthy")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.unhealthy()}") from None
        return time.monotonic() - began

    def remove(self) -> None:
        """Containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")


def service_of(container: Container) -> str:
    """The service that a container belongs to."""
    return str(container.labels["com.docker.compose.service"])


def run_inside(container: Container, *command: str) -> tuple[int, str]:
    """The exit code of a command inside a container, and what it said."""
    code, said = container.exec_run(list(command))
    assert code is not None
    assert isinstance(said, bytes)
    return code, said.decode(errors="replace")


def output(container: Container, *command: str) -> str:
    """What a command says inside a container. One that said nothing is asked again: a busy engine may end the call
    before it has passed on what was said.
    """
    said = ""
    for _ in range(3):
        code, said = run_inside(container, *command)
        assert code == 0, f"{container.name} {command}: {said}"
        if said:
            break
    return said.strip()


def say(figures: str) -> None:
    """Shown by `pytest -s`: what was measured, for the docs."""
    sys.stdout.write(f"\n  {figures}\n")
