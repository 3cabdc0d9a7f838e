"""What an alert is tried with.

Series are written as promtool takes them: `a+bxn` is a value that grows n times. An interval is between two samples and
between two evaluations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One alert.

    Args:
        alert: its name.
        fires: series that make it fire at `at`, and not before `before`.
        at: since the beginning.
        before: a moment at which it must not fire yet; none for those without a `for`.
        silent: series that must not make it fire, each for a reason.
        also: other series that make it fire at `at`.
        resolves: series with which it has fired at `at` and is over at `over`.
        over: since the beginning.
        interval: between samples.
        without_data: whether it fires when there is nothing at all.
        count: how many alerts of the name fire.
    """

    alert: str
    fires: Series
    at: str
    silent: Mapping[str, Series]
    resolves: Series = field(default_factory=dict)
    over: str = ""
    before: str | None = None
    interval: str = "10s"
    without_data: bool = False
    count: int = 1
    also: Mapping[str, Series] = field(default_factory=dict)
