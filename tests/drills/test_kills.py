"""Whatever is killed at whatever moment of a training, the job comes to one end."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil
import pytest

from tests.drills.kills import REPEATS, TO_THE_END_SECONDS, Jobs, drill, repeat_kills
from tests.drills.processes import WORKER, found
from tests.drills.runs import open_runs
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

_RESTART_SECONDS = 90
_FRESH_SECONDS = 5
_DATABASE = "MLPLATFORM_DATABASE_URL"


@dataclass(frozen=True)
class Victim:
    """A process of the stack, by a word of its command line and the queue it works for, and where it shows it is up."""

    word: str
    is_up: Callable[[Platform], bool]
    queue: str | None = None

    def processes(self, platform: Platform) -> list[psutil.Process]:
        return found(platform, self.word, self.queue)


def works(process: str) -> Callable[[Platform], bool]:
    """Its worker has shown that it takes tasks, within the last seconds."""
    series = f'mlplatform_heartbeat_timestamp_seconds{{process="{process}"}} '

    def is_up(platform: Platform) -> bool:
        with suppress(httpx.TransportError):
            metrics = httpx.get(platform.settings.url(process) + "/metrics", timeout=5).text
            [beat] = [line.removeprefix(series) for line in metrics.splitlines() if line.startswith(series)]
            return time.time() - float(beat) < _FRESH_SECONDS
        return False

    return is_up


def answers(process: str, path: str) -> Callable[[Platform], bool]:
    def is_up(platform: Platform) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{platform.settings.url(process)}{path}", timeout=5).is_success
        return False

    return is_up


VICTIMS: Mapping[str, Victim] = {
    "worker": Victim(WORKER, works("trainer-worker"), "training"),
    "upkeep": Victim(WORKER, works("trainer-upkeep"), "upkeep"),
    "trainer API": Victim("trainer.api", answers("trainer", "/health/ready")),
    "Redis": Victim("redis", lambda platform: bool(found(platform, "redis"))),
    "MLflow": Victim("mlflow", answers("mlflow", "/health")),
}


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> Jobs:
    return Jobs(platform.client)


@pytest.mark.timeout(120 + 120 * REPEATS)
@pytest.mark.parametrize("name", VICTIMS)
def test_a_killed_process_costs_no_job_its_end(platform: Platform, jobs: Jobs, name: str) -> None:
    victim = VICTIMS[name]
    killed: list[psutil.Process] = []

    def kill() -> None:
        [parent, *_] = victim.processes(platform)
        parent.kill()
        killed[:] = [parent]

    def recover() -> None:
        def is_up_again() -> bool:
            now = victim.processes(platform)  # what the killed one left behind may still answer for a moment
            return bool(now) and killed[0] not in now and victim.is_up(platform)

        # To look for it reads every process of the machine: rarely, for what is drilled needs the cores.
        wait_until(is_up_again, within_seconds=_RESTART_SECONDS, what=f"{name} up again", every=0.2)

    repeat_kills(drill(f"SIGKILL {name}"), jobs, kill, recover)
    wait_until(lambda: not orphans(platform), within_seconds=TO_THE_END_SECONDS, what="no process without its parent")
    wait_until(lambda: not open_runs(platform), within_seconds=TO_THE_END_SECONDS, what="no run left open in MLflow")


def orphans(platform: Platform) -> list[psutil.Process]:
    """Processes on the stack's database that do not descend from its runner."""
    own = {process.pid for process in platform.processes()}
    database = f"sqlite:///{platform.settings.state_dir}"
    strangers = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid not in own and process.environ().get(_DATABASE, "").startswith(database):
                strangers.append(process)
    return strangers
