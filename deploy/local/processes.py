"""The table of processes: what each one runs, sees, waits for and how it is asked to stop."""

import grp
import json
import os
import pwd
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from deploy.local.binaries import Nginx
from deploy.local.configs import write_nginx_prefix, write_prometheus_config, write_redis_conf
from deploy.local.environment import LOG_FORMAT
from deploy.local.readiness import Probe, alive, http_answers, http_ok, redis_answers
from deploy.local.settings import ROOT, Settings
from deploy.local.state import State

MIGRATIONS = "trainer-db"

_PROCESS = "mlplatform.process"  # runs the module that follows, and tells the log what ends it
_MLFLOW = ROOT / "services" / "mlflow"


@dataclass(frozen=True)
class Process:
    """One process of the stack.

    Args:
        name: as it is shown.
        command: what to run.
        env: the whole environment.
        cwd: where to run it.
        probe: whether it does its work yet.
        once: it does one thing and ends; ready is then to have ended well.
        after: names of processes that have to be ready before this one starts.
        stop_signal: how it is asked to stop.
        stops_own_children: the signal goes to the process alone, which sees to its children itself.
        stops_last: the others need it to end well.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    probe: Probe = field(default=alive)
    once: bool = False
    after: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stops_own_children: bool = False
    stops_last: bool = False


@dataclass(frozen=True)
class Stack:
    """What the rows of the table are made from."""

    settings: Settings
    state: State
    nginx: Nginx
    redis: Path
    client: httpx.AsyncClient
    environment: Mapping[str, str]
    prometheus: Path | None = None

    def processes(self) -> list[Process]:
        """All of them, the slowest to be ready first."""
        return [
            self._mlflow(),
            self._redis(),
            self._predictor("housing"),
            self._predictor("iris"),
            *self._trainer(),
            self._gateway(),
            *([self._prometheus(self.prometheus)] if self.prometheus else []),
        ]

    def _gateway(self) -> Process:
        prefix = write_nginx_prefix(self.settings, self.state, log_format=self.environment[LOG_FORMAT])
        return Process(
            name="gateway",
            command=nginx_command(self.nginx, prefix),
            env={**self.environment, "TZ": "UTC"},  # the services' lines are in UTC, too
            cwd=prefix,
            # Any answer will do, and a 404 is made without asking a service that is still starting.
            probe=http_answers(self.client, f"{self.settings.gateway_url}/"),
            stop_signal=signal.SIGQUIT,
            stops_own_children=True,
        )

    def _prometheus(self, program: Path) -> Process:
        config = write_prometheus_config(self.settings, self.state)
        address = f"127.0.0.1:{self.settings.ports['prometheus']}"
        where = (f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'data'}")
        return Process(
            name="prometheus",
            command=(str(program), *where, f"--web.listen-address={address}", "--log.level=warn"),
            env=self.environment,
            cwd=config.parent,
            probe=http_ok(self.client, f"http://{address}/-/ready"),
        )

    def _predictor(self, model: str) -> Process:
        name = f"{model}-predictor"
        return self._python(
            name,
            _PROCESS,
            f"{model}_predictor.app",
            env={
                "MLPLATFORM_HOST": "127.0.0.1",
                "MLPLATFORM_PORT": str(self.settings.ports[name]),
                "MLPLATFORM_MLFLOW_URL": self.settings.url("mlflow"),
                "MLPLATFORM_REDIS_URL": self._redis_url("predictor", self._predictor_password),
                "MLPLATFORM_CACHE_DIR": str(self.state.folder(f"cache/{model}")),
            },
            probe=http_ok(self.client, f"{self.settings.url(name)}/health/live"),
        )

    def _trainer(self) -> list[Process]:
        env = {
            "MLPLATFORM_HOST": "127.0.0.1",
            "MLPLATFORM_PORT": str(self.settings.ports["trainer"]),
            "MLPLATFORM_DATABASE_URL": self.state.sqlite_url("trainer"),
            "MLPLATFORM_REDIS_URL": self._redis_url("", self._redis_password),
            "MLPLATFORM_PREDICTOR_URLS": json.dumps(
                {model: self.settings.url(f"{model}-predictor") for model in ("housing", "iris")}
            ),
            "MLPLATFORM_MLFLOW_URL": self.settings.url("mlflow"),
            "MLPLATFORM_DATA_DIR": str(ROOT / "data"),
            "MLPLATFORM_PROCESSED_DIR": str(ROOT / self.settings.processed_dir),
        }
        beat = {
            "MLPLATFORM_PORT": str(self.settings.ports["trainer-beat"]),
            "MLPLATFORM_BEAT_SCHEDULE": str(self.state.folder("beat") / "schedule"),
        }
        ready = http_ok(self.client, f"{self.settings.url('trainer')}/health/ready")
        after = (MIGRATIONS,)
        return [
            replace(self._python(MIGRATIONS, _PROCESS, "trainer.db", env=env), once=True),
            self._python("trainer", _PROCESS, "trainer.api", env=env, probe=ready, after=after),
            self._worker("trainer-worker", env | {"MLPLATFORM_QUEUE": "training"}),
            self._worker("trainer-upkeep", env | {"MLPLATFORM_QUEUE": "upkeep"}),
            self._python("trainer-beat", _PROCESS, "trainer.beat", env=env | beat, after=after),
        ]

    def _worker(self, name: str, env: Mapping[str, str]) -> Process:
        own = {
            "MLPLATFORM_PORT": str(self.settings.ports[name]),
            "REMAP_SIGTERM": "SIGQUIT",  # Celery then hands an unfinished job back when asked to stop
        }
        worker = self._python(name, _PROCESS, "trainer.worker", env={**env, **own}, after=(MIGRATIONS,))
        return replace(worker, stops_own_children=True)

    def _mlflow(self) -> Process:
        port = self.settings.ports["mlflow"]
        folder = self.state.folder("mlflow")
        in_json = self.environment[LOG_FORMAT] == "json"
        log_config = f" --log-config {shlex.quote(str(_MLFLOW / 'logging.json'))}" if in_json else ""
        arguments = (
            *("server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--uvicorn-opts", f"--no-access-log{log_config}"),  # the predictors ask every few seconds
            *("--backend-store-uri", self.state.sqlite_url("mlflow")),
            *("--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")),
            *("--allowed-hosts", f"127.0.0.1,127.0.0.1:{port},localhost,localhost:{port}"),
        )
        server = self._python(
            "mlflow",
            "mlflow",
            *arguments,
            env={
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PYTHONWARNINGS": "ignore:starlette.middleware.wsgi is deprecated",  # MLflow's affair
            },
            # A call that reads the database: the server listens before its tables are there.
            probe=http_ok(
                self.client, f"{self.settings.url('mlflow')}/api/2.0/mlflow/registered-models/search?max_results=1"
            ),
        )
        if in_json:
            server = replace(server, command=(sys.executable, str(_MLFLOW / "command.py"), *arguments))
        return replace(server, stops_last=True)

    def _redis(self) -> Process:
        conf = write_redis_conf(
            self.settings, self.state, password=self._redis_password, predictor_password=self._predictor_password
        )
        return Process(
            name="redis",
            command=(str(self.redis), str(conf)),
            env=self.environment,
            cwd=conf.parent,
            probe=redis_answers(self.settings.ports["redis"], self._redis_password),
            stops_last=True,
        )

    def _redis_url(self, user: str, password: str) -> str:
        return f"redis://{user}:{password}@127.0.0.1:{self.settings.ports['redis']}/0"

    @property
    def _redis_password(self) -> str:
        return self.state.secret("redis-password")

    @property
    def _predictor_password(self) -> str:
        return self.state.secret("redis-predictor-password")

    def _python(
        self,
        name: str,
        module: str,
        *arguments: str,
        env: Mapping[str, str],
        probe: Probe = alive,
        after: tuple[str, ...] = (),
    ) -> Process:
        return Process(
            name=name,
            command=(sys.executable, "-m", module, *arguments),
            env={**self.environment, **env},
            cwd=self.state.root,
            probe=probe,
            after=after,
        )


def nginx_command(nginx: Nginx, prefix: Path) -> tuple[str, ...]:
    """Runs nginx in the foreground, in a folder that holds its configuration and everything it writes."""
    where = ("-p", f"{prefix}/", "-c", f"{prefix}/nginx.conf")
    return (str(nginx.path), *where, "-e", "stderr", "-g", _directives(nginx))


def _directives(nginx: Nginx) -> str:
    directives = ["daemon off;"]
    if nginx.njs_module:
        directives.append(f"load_module {nginx.njs_module};")
    if os.geteuid() == 0:
        # Else its workers would become `nobody`, who cannot write to the state folder.
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        directives.append(f"user {user} {group};")
    return " ".join(directives)
