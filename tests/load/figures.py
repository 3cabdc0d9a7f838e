"""What is made of a contender's rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


class FailedRequests(Exception):
    """Something else than the right answer came back: the speed of errors is no result."""


@dataclass(frozen=True)
class Load:
    """What a load generator saw in one turn.

    `cpu_seconds` is what the measured process and its children used meanwhile; zero where nobody looked.
    """

    requests_per_second: float
    p50_us: float
    p99_us: float
    requests: int
    errors: int
    cpu_seconds: float = 0.0

    @property
    def requests_per_cpu_second(self) -> float:
        """The speed that neighbours on the same core cannot take away; zero where it is not known."""
        return self.requests / self.cpu_seconds if self.cpu_seconds else 0.0


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
        cpu_seconds=sum(turn.cpu_seconds for turn in turns),
    )


def ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median of the rounds' ratios: both halves of each saw the same machine.

    Raises:
        ValueError: the two have different numbers of rounds, or none.
    """
    return median(one / other for one, other in zip(of, to, strict=True))


def cpu_ratio(rounds: Rounds, of: str, to: str) -> float | None:
    """The same for each second of processor time; none where it is not known."""
    ones, others = ([turn.requests_per_cpu_second for turn in rounds[name]] for name in (of, to))
    return ratio(ones, others) if all(ones) and all(others) else None


def speed_ratio(rounds: Rounds, of: str, to: str) -> float:
    """How many requests `of` answers for each that `to` does."""
    return ratio([turn.requests_per_second for turn in rounds[of]], [turn.requests_per_second for turn in rounds[to]])
