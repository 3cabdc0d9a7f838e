"""A thousand rows: how near to the session alone, once the rows are in."""

from functools import partial

import httpx

from tests.load.agreement import refuse_wrong_answers
from tests.load.bars import Bar
from tests.load.contenders import Addresses
from tests.load.result import Result, compared
from tests.load.rounds import Turn, interleave
from tests.load.session_alone import measure
from tests.load.targets import ARROW, Target, arrow_body, bulk_body
from tests.load.workbench import Workbench

ROWS = 1_000
CONNECTIONS = 4

_JSON_BAR = Bar("ours JSON / session alone", 0.5)
_ARROW_BAR = Bar("ours Arrow / session alone", 0.8)


def bulk(bench: Workbench, addresses: Addresses) -> Result:
    """4 connections, a thousand rows in each request, beside the session in a loop on the same core."""
    body = (bulk_body(bench.model, ROWS),)
    targets = {
        "ours JSON": addresses.ours.target("/predict", body),
        "gateway JSON": addresses.gateway.target("/predict/housing", body),
        "FastAPI route": addresses.fastapi.target("/predict/many", body),
    }
    for name, target in targets.items():
        refuse_wrong_answers(name, target, bench.model, ROWS)
    notes = []
    arrow, why_not = _arrow_target(bench, addresses)
    if arrow:
        targets["ours Arrow"] = arrow
    else:
        notes.append(f"Arrow was not measured: {why_not}.")
    turns: dict[str, Turn] = {
        "session alone": partial(measure, bench.cores.server, bench.model, ROWS, bench.options.seconds)
    }
    for name, target in targets.items():
        turns[name] = bench.turn(f"bulk {name}", target, connections=CONNECTIONS)
    rounds = interleave(turns, bench.options.rounds)
    verdicts = [compared(_JSON_BAR, rounds, "ours JSON", "session alone")]
    if arrow:
        verdicts.append(compared(_ARROW_BAR, rounds, "ours Arrow", "session alone"))
    return Result(
        title=f"{ROWS:,} rows, {CONNECTIONS} connections",
        rounds=rounds,
        verdicts=verdicts,
        reference="session alone",
        notes=notes,
    )


def _arrow_target(bench: Workbench, addresses: Addresses) -> tuple[Target | None, str]:
    """The Arrow request if the predictor answers it, else why not."""
    body = arrow_body(bench.model, ROWS)
    if body is None:
        return None, "no Arrow library to write a request with"
    target = addresses.ours.target("/predict", (body,), {"Content-Type": ARROW, "Accept": ARROW})
    status = httpx.post(target.url, content=body, headers=dict(target.headers), trust_env=False).status_code
    if status != httpx.codes.OK:
        return None, f"the predictor answers {status}"
    return target, ""
