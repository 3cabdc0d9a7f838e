"""What is made of a contender's rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


class FailedRequests(Exception):
    """Something else than the right answer came back: the speed of errors is no result."""


@dataclass(frozen=True)
class Load:
    """What a load generator saw in one turn."""

    requests_per_second: float
    p50_us: float
    p99_us: float
    requests: int
    errors: int


Rounds = Mapping[str, Sequence[Load]]
"""For each contender its turns, one for each round."""


def medians(turns: Sequence[Load]) -> Load:
    """The median of each figure by itself; requests and errors are summed."""
    return Load(
        requests_per_second=median(turn.requests_per_second for turn in turns),
        p50_us=median(turn.p50_us for turn in turns),
        p99_us=median(turn.p99_us for turn in turns),
        requests=sum(turn.requests for turn in turns),
        errors=sum(turn.errors for turn in turns),
    )


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median of the rounds' ratios: both halves of each saw the same machine.

    Raises:
        ValueError: the two have different numbers of rounds, or none.
    """
    return median(one / other for one, other in zip(of, to, strict=True))


def speed_ratio(rounds: Rounds, of: str, to: str) -> float:
    """How many requests `of` answers for each that `to` does."""
    return ratio([turn.requests_per_second for turn in rounds[of]], [turn.requests_per_second for turn in rounds[to]])
