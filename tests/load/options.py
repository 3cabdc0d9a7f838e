"""What a person may choose for a run of the benchmark: make's variables, the environment or flags."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_AT_LEAST_ROUNDS = 5


@dataclass(frozen=True)
class Options:
    """One run.

    Args:
        rounds: how often each contender has its turn.
        seconds: how long each turn is measured, after a warm-up of one second.
        scenarios: which to run, in order.
        folder: where the model, the peers' environments, logs and results are kept.
    """

    rounds: int
    seconds: int
    scenarios: tuple[str, ...]
    folder: Path

    @property
    def is_quick(self) -> bool:
        """Too few rounds for figures to be quoted."""
        return self.rounds < _AT_LEAST_ROUNDS


def parse(arguments: list[str], scenarios: tuple[str, ...]) -> Options:
    """Read flags, each of which takes its default from the environment variable of the same name."""
    parser = argparse.ArgumentParser(description="Measure the predict path beside its peers, on this machine.")
    parser.add_argument("--rounds", type=int, default=os.environ.get("ROUNDS", "5"))
    parser.add_argument("--seconds", type=int, default=os.environ.get("SECONDS", "3"))
    parser.add_argument("--scenarios", default=os.environ.get("SCENARIOS", ",".join(scenarios)))
    parser.add_argument("--folder", type=Path, default=Path(os.environ.get("BENCH_DIR", ".local/bench")))
    given = parser.parse_args(arguments)
    chosen = tuple(name for name in given.scenarios.replace(" ", ",").split(",") if name)
    if unknown := sorted(set(chosen) - set(scenarios)):
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(scenarios)}")
    if given.rounds < 1 or given.seconds < 1:
        parser.error("rounds and seconds are whole numbers from 1")
    return Options(given.rounds, given.seconds, chosen, (ROOT / given.folder).resolve())
