"""Taking turns: what changes about the machine while a run lasts then meets every contender alike."""

from collections.abc import Callable, Mapping

from tests.load.figures import Load
from tests.load.say import say

Turn = Callable[[], Load]


def interleave(turns: Mapping[str, Turn], rounds: int) -> dict[str, list[Load]]:
    """Each contender once a round. Who begins moves on by one, so that nobody always follows the same one."""
    names = list(turns)
    loads: dict[str, list[Load]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            loads[name].append(turns[name]())
        figures = "  ".join(f"{name} {loads[name][-1].requests_per_second:,.0f}/s" for name in names)
        say(f"  round {number + 1}/{rounds}: {figures}")
    return loads
