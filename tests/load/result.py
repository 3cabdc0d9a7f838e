"""What a scenario found, as text and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.load.bars import Verdict
from tests.load.figures import Load, medians, speed_ratio
from tests.load.table import table


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
            head = ("promise", "measured", "wanted", "")
            parts.append(table(head, [verdict.bar.line(verdict.measured) for verdict in self.verdicts]))
        parts += self.notes
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, object]:
        """Everything, turn by turn."""
        return {
            "rounds": {name: [asdict(turn) for turn in turns] for name, turns in self.rounds.items()},
            "medians": {name: asdict(medians(turns)) for name, turns in self.rounds.items()},
            "promises": [
                {**asdict(verdict.bar), "measured": verdict.measured, "holds": verdict.holds}
                for verdict in self.verdicts
            ],
            "notes": list(self.notes),
        }

    def _figures(self) -> str:
        head = ["contender", "requests/s", "p50 ms", "p99 ms", "errors"]
        if self.reference:
            head.append(f"of {self.reference}")
        return table(head, [self._row(name, turns) for name, turns in self.rounds.items()])

    def _row(self, name: str, turns: Sequence[Load]) -> list[str]:
        load = medians(turns)
        row = [
            name,
            f"{load.requests_per_second:,.0f}"
            if load.requests_per_second >= 100
            else f"{load.requests_per_second:.1f}",
            f"{load.p50_us / 1e3:.2f}",
            f"{load.p99_us / 1e3:.2f}",
            str(load.errors),
        ]
        return [*row, f"{speed_ratio(self.rounds, name, self.reference):.2f}"] if self.reference else row
