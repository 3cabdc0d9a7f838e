"""`make bench`: the predict path beside the bare server it runs on and the route that most people would write."""

import sys
from collections.abc import Callable, Mapping

from tests.load.contenders import Addresses, contenders
from tests.load.options import parse
from tests.load.result import Result
from tests.load.running import run
from tests.load.scenario_bulk import bulk
from tests.load.scenario_mixed import mixed
from tests.load.scenario_overload import overload
from tests.load.scenario_single import single
from tests.load.workbench import Workbench

SCENARIOS: Mapping[str, Callable[[Workbench, Addresses], Result]] = {
    "single": single,
    "bulk": bulk,
    "mixed": mixed,
    "overload": overload,
}


def main(arguments: list[str]) -> int:
    """Run the chosen scenarios against contenders that are all up from the first to the last."""
    options = parse(arguments, tuple(SCENARIOS))
    return run("bench", options, SCENARIOS, contenders)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
