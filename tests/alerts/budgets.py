"""The cases of error budgets: a share of failed or slow predictions over pairs of windows, and enough predictions."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.alerts.case import Case, Series


@dataclass(frozen=True)
class _Window:
    """A share of `bound` burns a budget if it is met over a long and a short time, both in steps."""

    bound: float
    long: int
    short: int
    guard: int


@dataclass(frozen=True)
class _Budget:
    """A budget alert: any of its windows is enough, the longest is the last; it waits for some steps."""

    name: str
    windows: tuple[_Window, ...]
    waits: int
    step_minutes: int

    @property
    def length(self) -> int:
        """Enough for the longest window to be full, and for a change at its end to be seen in the short one."""
        return self._length(self.windows[-1])

    def _length(self, window: _Window) -> int:
        return window.long + window.short + self.waits + 5

    def series(
        self, window: _Window, *pieces: tuple[int, float], of: float = 10_000, model: str = "iris", after: int = 0
    ) -> Series:
        """After some steps without, so many with so many times the share of the bound, of so many predictions each."""
        pieces = ((after, 0), *pieces) if after else pieces
        bad = [(steps, min(of, of * window.bound * times)) for steps, times in pieces]
        good = [(steps, of - failed) for steps, failed in bad]
        if self.name.startswith("Availability"):
            return requests(_counter(*good), _counter(*bad), model)
        return _short(_counter(*good), _counter(*((steps, of) for steps, _ in pieces)), model)

    def at(self, steps: int) -> str:
        return f"{steps * self.step_minutes}m"

    def case(self) -> Case:
        longest = self.windows[-1]
        others = self.series(longest, (4 * self.length, 0), of=1_000_000, model="housing")
        also: dict[str, Series] = {}
        silent: dict[str, Series] = {"no traffic": self.series(longest, (self.length, 0), of=0)}
        for window in self.windows:
            also |= {f"{what}, over {self.at(window.long)}": series for what, series in self._burns(window)}
            silent |= {f"{what}, over {self.at(window.long)}": series for what, series in self._spares(window)}
        few = self.series(longest, (self.length, 1 / longest.bound), of=0.9 * longest.guard / longest.long)
        return Case(
            self.name,
            fires={**self.series(longest, (self.length, 1.05)), **others},
            at=self.at(self.length),
            before=self.at(self.waits),
            also=also,
            silent={**silent, "not enough requests": {**few, **others}},
            resolves=self.series(longest, (self.length, 1.05), (longest.short + 5, 0)),
            over=self.at(self.length + longest.short + 1),
            interval=self.at(1),
        )

    def _burns(self, window: _Window) -> Iterator[tuple[str, Series]]:
        length = self._length(window)
        for what, of in (("it burns", 10_000), ("of just enough predictions", 1.1 * window.guard / window.long)):
            yield what, self.series(window, (length, 1.05), of=of, after=self.length - length)

    def _spares(self, window: _Window) -> Iterator[tuple[str, Series]]:
        length, late = self._length(window), window.short + self.waits + 1
        share = late / window.long
        early = (0.95 - 2 * share) / (1 - share)
        for what, pieces in {
            "just below": [(length, 0.95)],
            "it burned, and is just below by now": [(length - late, 1.5), (late, 0.95)],
            "it burns now, and was less before": [(length - late, early), (late, 2)],
        }.items():
            yield what, self.series(window, *pieces, after=self.length - length)


def budgets(kind: str, share: float) -> Iterator[Case]:
    """The alerts on a budget that is so large a share of all predictions."""
    burns = (_Window(14.4 * share, 30, 3, 200), _Window(6 * share, 180, 15, 1_000))
    yield _Budget(f"{kind}BudgetBurns", burns, waits=1, step_minutes=2).case()
    yield _Budget(f"{kind}BudgetLeaks", (_Window(share, 144, 12, 5_000),), waits=2, step_minutes=30).case()


def _counter(*pieces: tuple[int, float]) -> str:
    """What begins at zero and grows, for so many steps, by so much in each."""
    value, parts = 0.0, []
    for steps, growth in pieces:
        parts.append(f"{value:.6f}+{growth:.6f}x{steps - 1}")
        value += steps * growth
    return " ".join(parts)


def requests(good: str, bad: str, model: str = "iris") -> Series:
    labels = f'job="gateway",instance="g",route="/predict/{model}",model="{model}"'
    name = "mlplatform_gateway_requests_total"
    return {f'{name}{{{labels},code="2xx"}}': good, f'{name}{{{labels},code="5xx"}}': bad}


def _short(within: str, of: str, model: str = "iris") -> Series:
    labels = f'job="gateway",instance="g",model="{model}",size="short"'
    name = "mlplatform_gateway_prediction_duration_seconds"
    return {f'{name}_bucket{{{labels},le="0.05"}}': within, f"{name}_count{{{labels}}}": of}
