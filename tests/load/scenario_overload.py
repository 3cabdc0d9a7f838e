"""Four times more than the predictor can answer: those who are admitted should hardly notice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from mlplatform.settings import PredictorSettings
from tests.load.barrage import Outcome, Plan, run
from tests.load.bars import Bar, Verdict
from tests.load.contenders import Addresses
from tests.load.figures import FailedRequests, Load, ratio
from tests.load.result import Result
from tests.load.say import say
from tests.load.targets import bulk_body
from tests.load.workbench import Workbench

SIZES = (100, 1_000)
"""Rows a request: answered on the event loop, and in the bulk lane."""

_TIMES = 4
_CONNECTIONS_OF_THE_CROWD = 8  # for each request that is admitted
_ADMITTED = int(PredictorSettings.model_fields["max_in_flight"].default)


@dataclass
class _Size:
    """One size of request and what came of it, round by round."""

    rows: int
    body: Path
    at_capacity: list[Outcome] = field(default_factory=list)
    beyond: list[Outcome] = field(default_factory=list)

    def verdicts(self) -> list[Verdict]:
        name = f"{self.rows:,} rows:"
        goodput = Bar(f"{name} goodput at {_TIMES}x / peak", 0.8)
        p99 = Bar(f"{name} p99 of admitted at {_TIMES}x / at capacity", 3, "at most")
        shed = Bar(f"{name} p99 of shed answers", 5, "at most", " ms")
        return [
            Verdict(goodput, ratio(_each(self.beyond, "ok_per_second"), _each(self.at_capacity, "ok_per_second"))),
            Verdict(p99, ratio(_each(self.beyond, "ok_p99_us"), _each(self.at_capacity, "ok_p99_us"))),
            Verdict(shed, median(_each(self.beyond, "shed_p99_us")) / 1e3),
        ]

    def note(self) -> str:
        offered = ratio(_each(self.beyond, "offered_per_second"), _each(self.at_capacity, "ok_per_second"))
        shed = median(_each(self.beyond, "shed_per_second"))
        return f"{self.rows:,} rows: {offered:.1f} times the peak were sent; {shed:,.0f}/s were shed with a 503."


def overload(bench: Workbench, addresses: Addresses) -> Result:
    """As many connections as requests are admitted, each waiting for its answer; then a crowd that does not wait."""
    port = addresses.ours.port
    sizes = [_Size(rows, _write(bench, rows)) for rows in SIZES]

    def at_capacity(size: _Size) -> Load:
        plan = Plan(port, "/predict", str(size.body), _ADMITTED, None, bench.options.seconds)
        size.at_capacity.append(run(bench.cores.load, plan))
        return _load(size.at_capacity[-1])

    def beyond(size: _Size) -> Load:
        rate = _TIMES * size.at_capacity[-1].ok_per_second
        plan = Plan(
            port, "/predict", str(size.body), _ADMITTED * _CONNECTIONS_OF_THE_CROWD, rate, bench.options.seconds
        )
        size.beyond.append(run(bench.cores.load, plan))
        return _load(size.beyond[-1])

    rounds: dict[str, list[Load]] = {}
    for number in range(bench.options.rounds):
        for size in sizes:  # always in this order: the second turn needs the first one's figure
            rounds.setdefault(f"{size.rows:,} rows, at capacity", []).append(at_capacity(size))
            rounds.setdefault(f"{size.rows:,} rows, at {_TIMES}x", []).append(beyond(size))
        figures = "  ".join(f"{name} {turns[-1].requests_per_second:,.0f}/s" for name, turns in rounds.items())
        say(f"  round {number + 1}/{bench.options.rounds}: {figures}")
    return Result(
        title="Overload: answers 200 only",
        rounds=rounds,
        verdicts=[verdict for size in sizes for verdict in size.verdicts()],
        notes=[size.note() for size in sizes],
    )


def _write(bench: Workbench, rows: int) -> Path:
    path = bench.wrk.folder / f"overload-{rows}.json"
    path.write_bytes(bulk_body(bench.model, rows))
    return path


def _load(outcome: Outcome) -> Load:
    """Only what was answered 200."""
    if outcome.errors:
        raise FailedRequests(f"{outcome.errors} of {outcome.requests} requests got neither 200 nor 503")
    return Load(outcome.ok_per_second, outcome.ok_p50_us, outcome.ok_p99_us, outcome.requests, outcome.errors)


def _each(outcomes: Sequence[Outcome], figure: str) -> list[float]:
    return [float(getattr(outcome, figure)) for outcome in outcomes]
