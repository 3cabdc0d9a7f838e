"""Single rows: what a prediction costs beyond receiving and sending bytes."""

from tests.load.agreement import refuse_wrong_answers
from tests.load.bars import Bar, Verdict
from tests.load.contenders import Addresses
from tests.load.figures import speed_ratio
from tests.load.result import Result, compared
from tests.load.rounds import interleave
from tests.load.targets import single_bodies
from tests.load.workbench import Workbench

_BESIDE = "ours, as gateway"
_FEW, _MANY = 16, 64

_OF_BARE = Bar("ours / bare ASGI", 0.50)
_OF_FASTAPI = Bar("ours / FastAPI route", 3)
_OF_DIRECT = Bar("gateway / ours direct", 0.80)


def single(bench: Workbench, addresses: Addresses) -> Result:
    """One row in each request, on 16 connections; through the gateway on 64, so that both cores always have work."""
    bodies = single_bodies(bench.model)
    targets = {
        "bare ASGI": addresses.bare.target("/predict", bodies),
        "ours": addresses.ours.target("/predict", bodies),
        "ours, same row": addresses.ours.target("/predict", bodies[:1]),
        _BESIDE: addresses.ours.target("/predict", bodies),
        "gateway": addresses.gateway.target("/predict/housing", bodies),
        "FastAPI route": addresses.fastapi.target("/predict", bodies),
    }
    for name in ("ours", "gateway", "FastAPI route"):
        refuse_wrong_answers(name, targets[name], bench.model, rows=1)
    pair = (_BESIDE, "gateway")
    turns = {
        name: bench.turn(
            f"single {name}",
            target,
            connections=_MANY if name in pair else _FEW,
            load_core=bench.cores.load_of_gateway if name in pair else None,
        )
        for name, target in targets.items()
    }
    rounds = interleave(turns, bench.options.rounds)
    return Result(
        title=f"One row, {_FEW} connections",
        rounds=rounds,
        verdicts=[
            compared(_OF_BARE, rounds, "ours", "bare ASGI"),
            compared(_OF_FASTAPI, rounds, "ours", "FastAPI route"),
            Verdict(_OF_DIRECT, speed_ratio(rounds, "gateway", _BESIDE)),
        ],
        reference="bare ASGI",
        notes=[
            f"{len(bodies)} different rows take turns; the same one again and again finds the trees in the caches.",
            f"The gateway has a core of its own and {_MANY} connections; of two cores, load and server share one.",
        ],
    )
