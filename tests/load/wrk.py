"""The load generator: wrk, which makes more load from one core than any of these servers can answer."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.load.background import Background
from tests.load.figures import FailedRequests, Load
from tests.load.pinned import command
from tests.load.targets import Target, write_bodies
from tests.load.wrk_output import DONE, parse

_SCRIPT = """\
local paths = {{{paths}}}
local headers = {{{headers}}}
local requests = {{}}
local turn = 0

function init(args)
  for number, path in ipairs(paths) do
    local file = assert(io.open(path, "rb"))
    requests[number] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


class NoLoadGenerator(Exception):
    """wrk is not installed."""


@dataclass(frozen=True)
class Wrk:
    """wrk on a core.

    Args:
        path: the program.
        core: where it runs.
        folder: where its scripts and bodies are written.
        connections: kept open, each with one request at a time.
    """

    path: str
    core: int
    folder: Path
    connections: int = 16

    def run(self, name: str, target: Target, seconds: int) -> Load:
        """Load the target for so long.

        Raises:
            FailedRequests: an answer was not a 2xx, or a connection failed.
        """
        done = subprocess.run(self._command(name, target, seconds), capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedRequests(f"wrk failed on {name}: {done.stderr.strip() or done.stdout.strip()}")
        load = parse(done.stdout)
        if load.errors or not load.requests:
            raise FailedRequests(f"{name}: {load.errors} of {load.requests} requests failed\n{done.stdout}")
        return load

    def start(self, name: str, target: Target, seconds: int) -> Background:
        """The same in the background."""
        return Background(name, self._command(name, target, seconds))

    def _command(self, name: str, target: Target, seconds: int) -> list[str]:
        script = self._script(name, target)
        sizes = ("-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s")
        return command(self.core, self.path, *sizes, "-s", str(script), target.url)

    def _script(self, name: str, target: Target) -> Path:
        slug = "".join(letter if letter.isalnum() else "-" for letter in name)
        script = self.folder / f"{slug}.lua"
        if not script.exists():
            paths = write_bodies(self.folder / slug, target.bodies)
            script.write_text(
                (_SCRIPT + DONE).format(
                    paths=",".join(f'"{path}"' for path in paths),
                    headers=",".join(f'["{key}"]="{value}"' for key, value in target.headers.items()),
                )
            )
        return script


def find_wrk() -> str:
    """The path of wrk.

    Raises:
        NoLoadGenerator: it is not installed; the message says how to get it.
    """
    path = shutil.which("wrk")
    if path is None:
        raise NoLoadGenerator(
            "The benchmark needs wrk, a load generator that no Python package ships. Install it with one of\n"
            "  apt-get install wrk      dnf install wrk      brew install wrk"
        )
    return path
