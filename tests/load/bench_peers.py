"""`make bench-peers`: ours beside the servers that most people would take, on the same model and the same core."""

import sys
from collections.abc import Callable, Mapping

from tests.load.options import parse
from tests.load.peers.contenders import PeerAddresses, peers
from tests.load.peers.scenarios import bulk, single
from tests.load.result import Result
from tests.load.running import run
from tests.load.workbench import Workbench

SCENARIOS: Mapping[str, Callable[[Workbench, PeerAddresses], Result]] = {"single": single, "bulk": bulk}


def main(arguments: list[str]) -> int:
    """Run the chosen scenarios against ours and the peers."""
    options = parse(arguments, tuple(SCENARIOS))
    return run("peers", options, SCENARIOS, peers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
