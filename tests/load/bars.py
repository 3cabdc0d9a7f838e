"""What is promised, beside what was measured."""

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Bar:
    """A promise about one figure.

    Args:
        what: in the words of the table.
        bound: the figure that was promised.
        direction: whether more or less is better.
        unit: of the figure; none for a ratio.
    """

    what: str
    bound: float
    direction: Literal["at least", "at most"] = "at least"
    unit: str = ""

    def holds(self, measured: float) -> bool:
        return measured >= self.bound if self.direction == "at least" else measured <= self.bound


@dataclass(frozen=True)
class Verdict:
    """A bar and the figure that met it or did not; `by_cpu` is the same by processor time, where that is known."""

    HEAD: ClassVar = ("promise", "measured", "by CPU time", "wanted", "")

    bar: Bar
    measured: float
    by_cpu: float | None = None

    @property
    def holds(self) -> bool:
        return self.bar.holds(self.measured)

    def line(self) -> tuple[str, str, str, str, str]:
        """A row of a table under `HEAD`."""
        bar = self.bar
        return (
            bar.what,
            f"{self.measured:.2f}{bar.unit}",
            "" if self.by_cpu is None else f"{self.by_cpu:.2f}{bar.unit}",
            f"{bar.direction} {bar.bound:g}{bar.unit}",
            "pass" if self.holds else "FAIL",
        )
