"""What issue 4 asks for, beside what was measured."""

from dataclasses import dataclass
from typing import Literal


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

    def line(self, measured: float) -> tuple[str, str, str, str]:
        """A row of a table: what, measured, promised, verdict."""
        promised = f"{self.direction} {self.bound:g}{self.unit}"
        return self.what, f"{measured:.2f}{self.unit}", promised, "pass" if self.holds(measured) else "FAIL"


@dataclass(frozen=True)
class Verdict:
    """A bar and the figure that met it or did not."""

    bar: Bar
    measured: float

    @property
    def holds(self) -> bool:
        return self.bar.holds(self.measured)
