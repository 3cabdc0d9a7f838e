"""What every scenario is given."""

from dataclasses import dataclass, replace
from functools import partial

from tests.load.background import Background
from tests.load.cores import Cores
from tests.load.figures import Load
from tests.load.machine import cpu_seconds
from tests.load.model import Model
from tests.load.options import Options
from tests.load.rounds import Turn
from tests.load.targets import Target
from tests.load.wrk import Wrk

_WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Workbench:
    """The load generator, the model, the choices of this run."""

    options: Options
    cores: Cores
    model: Model
    wrk: Wrk

    def turn(self, name: str, target: Target, *, connections: int = 16, load_core: int | None = None) -> Turn:
        """Load a target for one turn, after a warm-up that does not count."""
        core = self.cores.load if load_core is None else load_core
        return partial(self._measure, name, target, replace(self.wrk, connections=connections, core=core))

    def background(self, name: str, target: Target) -> Background:
        """Load a target from one connection, from before a turn's warm-up until after its end."""
        return replace(self.wrk, connections=1).start(name, target, self.options.seconds + 2 * _WARM_UP_SECONDS)

    def _measure(self, name: str, target: Target, wrk: Wrk) -> Load:
        wrk.run(name, target, _WARM_UP_SECONDS)
        before = cpu_seconds(target.pid)
        load = wrk.run(name, target, self.options.seconds)
        return replace(load, cpu_seconds=cpu_seconds(target.pid) - before)
