"""Single rows while long requests run: what the many pay for the few."""

from dataclasses import replace
from functools import partial

from tests.load.bars import Bar, Verdict
from tests.load.contenders import Addresses
from tests.load.figures import Load, ratio
from tests.load.result import Result
from tests.load.rounds import Turn, interleave
from tests.load.targets import Target, bulk_body, single_bodies
from tests.load.workbench import Workbench

ROWS = 10_000

_ALONE, _BESIDE, _MEANWHILE = "one row, alone", f"one row, beside {ROWS:,}", f"the {ROWS:,} rows meanwhile"
_P99 = Bar("p99 beside / p99 alone", 3, "at most")


def mixed(bench: Workbench, addresses: Addresses) -> Result:
    """16 connections with one row each, with and without one connection that sends 10,000 again and again."""
    # Without the process id: its processor time goes to both kinds of request.
    small = replace(addresses.ours.target("/predict", single_bodies(bench.model)), pid=None)
    large = addresses.ours.target("/predict", (bulk_body(bench.model, ROWS),))
    meanwhile: list[Load] = []
    turns: dict[str, Turn] = {
        _ALONE: bench.turn("mixed small", small),
        _BESIDE: partial(_beside, bench, small, large, meanwhile),
    }
    rounds = interleave(turns, bench.options.rounds)
    p99 = {name: [load.p99_us for load in loads] for name, loads in rounds.items()}
    return Result(
        title=f"One row on 16 connections, {ROWS:,} rows on one more",
        rounds={**rounds, _MEANWHILE: meanwhile},
        verdicts=[Verdict(_P99, ratio(p99[_BESIDE], p99[_ALONE]))],
    )


def _beside(bench: Workbench, small: Target, large: Target, meanwhile: list[Load]) -> Load:
    with bench.background("mixed large", large) as background:
        load = bench.turn("mixed small", small)()
    meanwhile.append(background.load())
    return load
