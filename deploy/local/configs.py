"""The configuration files of the two processes that are not ours: nginx and Redis."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.containers.secrets import LISTENS
from deploy.local.settings import ROOT, Settings
from deploy.local.state import State, write_private

_GATEWAY = ROOT / "services" / "gateway"
_MONITORING = ROOT / "monitoring" / "prometheus"
_WATCHED = (
    *(
        "gateway-internal",
        "housing-predictor",
        "iris-predictor",
        "trainer",
        "trainer-worker",
        "trainer-upkeep",
        "trainer-beat",
    ),
    "prometheus",
)
_JOBS = {"gateway-internal": "gateway"}
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Fills in `${UPPERCASE}` names and leaves nginx's own `$variables` alone.

    Raises:
        KeyError: the template has a name without a value.
    """
    return _VARIABLE.sub(lambda match: values[match[1]], template)


def write_nginx_prefix(settings: Settings, state: State, *, log_format: str = "json", workers: str = "auto") -> Path:
    """Writes the gateway's configuration and returns the folder to run nginx in."""
    prefix = state.folder("gateway")
    values = {
        "GATEWAY_LISTEN": settings.gateway_listen,
        "GATEWAY_INTERNAL_LISTEN": f"127.0.0.1:{settings.ports['gateway-internal']}",
        "GATEWAY_LOG_FORMAT": log_format,
        "GATEWAY_RESOLVER": "",
        "GATEWAY_WORKERS": workers,
        "HOUSING_PREDICTOR_SERVER": f"127.0.0.1:{settings.ports['housing-predictor']}",
        "IRIS_PREDICTOR_SERVER": f"127.0.0.1:{settings.ports['iris-predictor']}",
        "TRAINER_SERVER": f"127.0.0.1:{settings.ports['trainer']}",
        "STUB_STATUS": "return 501;",  # no exporter asks for it here
    }
    for template in (_GATEWAY / "templates").glob("*.template"):
        (prefix / template.stem).write_text(fill_in(template.read_text(), values))
    for counts in prefix.glob("counts-*.log"):
        counts.unlink()  # of a life before this one
    for script in _GATEWAY.glob("*.js"):
        shutil.copy(script, prefix)
    return prefix


def write_prometheus_config(settings: Settings, state: State) -> Path:
    """Writes what the local Prometheus watches, with the same rules as in containers, and returns its path.

    Redis and nginx have no exporter here, and there is no Alertmanager: alerts show in Prometheus only.
    """
    path = state.folder("prometheus") / "prometheus.yml"
    rules = sorted(str(file) for file in (_MONITORING / "rules").glob("*.yml"))
    ports = {_JOBS.get(process, process): settings.ports[process] for process in _WATCHED}
    config = {
        "global": {"scrape_interval": "10s", "scrape_timeout": "5s", "evaluation_interval": "10s"},
        "rule_files": rules,
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in ports.items()
        ],
    }
    path.write_text(json.dumps(config, indent=2))  # which is YAML, too
    return path


def write_redis_conf(settings: Settings, state: State, *, password: str, predictor_password: str) -> Path:
    """Writes the broker's configuration, passwords included, and returns its path. Predictors may only listen."""
    folder = state.folder("redis")
    path = folder / "redis.conf"
    write_private(
        path,
        f"""\
bind 127.0.0.1
port {settings.ports["redis"]}
requirepass {password}
user predictor on >{predictor_password} {LISTENS}
dir "{folder}"
daemonize no
always-show-logo no
logfile ""
appendonly yes
save ""
maxmemory-policy noeviction
""",
    )
    return path
