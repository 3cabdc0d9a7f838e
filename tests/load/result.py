"""What a scenario found, as text and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.load.bars import Bar, Verdict
from tests.load.figures import Load, cpu_ratio, medians, speed_ratio
from tests.load.table import table

_WHOLE_FROM = 100


@dataclass(frozen=True)
class Result:
    """One scenario.

    Args:
        title: says what was sent.
        rounds: for each contender its turns.
        verdicts: what was promised about them.
        reference: the contender that the last column compares to; none for no such column.
        notes: what a reader has to know beside the figures.
    """

    title: str
    rounds: Mapping[str, Sequence[Load]]
    verdicts: Sequence[Verdict]
    reference: str | None = None
    notes: Sequence[str] = field(default=())

    def as_text(self) -> str:
        """Both tables."""
        parts = [self.title, self._figures()]
        if self.verdicts:
            parts.append(table(Verdict.HEAD, [verdict.line() for verdict in self.verdicts]))
        parts += self.notes
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, object]:
        """Everything, turn by turn."""
        return {
            "rounds": {name: [asdict(turn) for turn in turns] for name, turns in self.rounds.items()},
            "medians": {name: asdict(medians(turns)) for name, turns in self.rounds.items()},
            "promises": [
                {**asdict(verdict.bar), "measured": verdict.measured, "by_cpu": verdict.by_cpu, "holds": verdict.holds}
                for verdict in self.verdicts
            ],
            "notes": list(self.notes),
        }

    def _figures(self) -> str:
        head = ["contender", "requests/s", "per CPU s", "p50 ms", "p99 ms", "errors"]
        if self.reference:
            head.append(f"of {self.reference}")
        return table(head, [self._row(name, turns) for name, turns in self.rounds.items()])

    def _row(self, name: str, turns: Sequence[Load]) -> list[str]:
        load = medians(turns)
        row = [
            name,
            _speed(load.requests_per_second),
            _speed(load.requests_per_cpu_second),
            f"{load.p50_us / 1e3:.2f}",
            f"{load.p99_us / 1e3:.2f}",
            str(load.errors),
        ]
        return [*row, f"{speed_ratio(self.rounds, name, self.reference):.2f}"] if self.reference else row


def compared(bar: Bar, rounds: Mapping[str, Sequence[Load]], of: str, to: str) -> Verdict:
    """How many requests one answers for each of the other, by the clock and by processor time."""
    return Verdict(bar, speed_ratio(rounds, of, to), cpu_ratio(rounds, of, to))


def _speed(per_second: float) -> str:
    if not per_second:
        return ""
    return f"{per_second:,.0f}" if per_second >= _WHOLE_FROM else f"{per_second:.1f}"
