"""One run from the first check to the last line."""

import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from deploy.local.errors import CannotStart
from tests.load import cores, machine, report
from tests.load.cores import Cores, TooFewCores
from tests.load.figures import FailedRequests
from tests.load.model import Model, trained_model
from tests.load.options import Options
from tests.load.peers.environments import NoEnvironment
from tests.load.result import Result
from tests.load.say import say
from tests.load.servers import DidNotStart
from tests.load.workbench import Workbench
from tests.load.wrk import NoLoadGenerator, Wrk, find_wrk

_BUSY_CORES = 0.1

Contenders = TypeVar("Contenders")
Start = Callable[[Cores, Model, Path], AbstractContextManager[Contenders]]
Scenario = Callable[[Workbench, Contenders], Result]


def run(name: str, options: Options, scenarios: Mapping[str, Scenario[Contenders]], start: Start[Contenders]) -> int:
    """Start the contenders, run the chosen scenarios, end everything, write the results; the exit status."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        _run(name, options, scenarios, start)
    except (CannotStart, DidNotStart, FailedRequests, NoEnvironment, NoLoadGenerator, TooFewCores) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(name: str, options: Options, scenarios: Mapping[str, Scenario[Contenders]], start: Start[Contenders]) -> None:
    path, assigned = find_wrk(), cores.assign(cores.available())
    model = trained_model(options.folder / "model")
    results = {}
    neighbours = machine.Neighbours()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        bench = Workbench(options, assigned, model, Wrk(path, assigned.load, Path(scratch)))
        say(f"Starting what is measured on core {assigned.server}; the load comes from core {assigned.load} ...")
        with start(assigned, model, options.folder / "logs") as contenders:
            for key in options.scenarios:
                say(f"\n{key}: {options.rounds} rounds of {options.seconds} s each")
                results[key] = scenarios[key](bench, contenders)
                say(f"\n{results[key].as_text()}")
    written = report.write(name, options, results, machine.facts(assigned), neighbours.cores_used())
    say(f"\nEverything, round by round: {written}")
    if neighbours.cores_used() > _BUSY_CORES:
        say(f"Other processes kept {neighbours.cores_used():.1f} cores busy meanwhile: do not quote these figures.")
    if options.is_quick:
        say("Fewer than 5 rounds: do not quote these figures.")


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
