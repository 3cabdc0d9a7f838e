"""The same rows to each peer, in the words of its own protocol."""

from collections.abc import Callable, Mapping

import orjson

from mlplatform.contracts import HOUSING
from tests.load.agreement import refuse_wrong_answers
from tests.load.bars import Bar
from tests.load.figures import Load
from tests.load.peers.contenders import PeerAddresses
from tests.load.result import Result, compared
from tests.load.rounds import interleave
from tests.load.targets import SINGLE_BODIES, bulk_body, single_bodies
from tests.load.workbench import Workbench

ROWS = 1_000

_OF_MLSERVER = Bar("ours / MLServer with ONNX Runtime", 10)
_OF_MLFLOW = Bar("ours / mlflow models serve", 60)

_NAMES = {
    "ours": "ours",
    "mlserver": "MLServer, ONNX Runtime",
    "bentoml": "BentoML, ONNX Runtime",
    "mlflow": "mlflow models serve, scikit-learn",
}


def single(bench: Workbench, addresses: PeerAddresses) -> Result:
    """16 connections, one row in each request."""
    rows = [[row] for row in bench.model.rows(SINGLE_BODIES).tolist()]
    bodies: dict[str, tuple[bytes, ...]] = {peer: tuple(make(row) for row in rows) for peer, make in _PROTOCOLS.items()}
    bodies["ours"] = single_bodies(bench.model)
    rounds = _rounds(bench, addresses, bodies, rows=1, connections=16)
    return Result(
        title="One row, 16 connections",
        rounds=rounds,
        verdicts=[
            compared(_OF_MLSERVER, rounds, "ours", _NAMES["mlserver"]),
            compared(_OF_MLFLOW, rounds, "ours", _NAMES["mlflow"]),
        ],
        reference="ours",
    )


def bulk(bench: Workbench, addresses: PeerAddresses) -> Result:
    """4 connections, a thousand rows in each request."""
    rows = bench.model.rows(ROWS).tolist()
    bodies: dict[str, tuple[bytes, ...]] = {peer: (make(rows),) for peer, make in _PROTOCOLS.items()}
    bodies["ours"] = (bulk_body(bench.model, ROWS),)
    rounds = _rounds(bench, addresses, bodies, rows=ROWS, connections=4)
    return Result(title=f"{ROWS:,} rows, 4 connections", rounds=rounds, verdicts=[], reference="ours")


def _rounds(
    bench: Workbench, addresses: PeerAddresses, bodies: Mapping[str, tuple[bytes, ...]], *, rows: int, connections: int
) -> dict[str, list[Load]]:
    targets = {
        "ours": addresses.ours.target("/predict", bodies["ours"]),
        "mlserver": addresses.mlserver.target("/v2/models/housing/infer", bodies["mlserver"]),
        "bentoml": addresses.bentoml.target("/predict", bodies["bentoml"]),
        "mlflow": addresses.mlflow.target("/invocations", bodies["mlflow"]),
    }
    for peer, target in targets.items():
        refuse_wrong_answers(peer, target, bench.model, rows)
    turns = {
        _NAMES[peer]: bench.turn(f"{rows} {peer}", target, connections=connections) for peer, target in targets.items()
    }
    return interleave(turns, bench.options.rounds)


def _v2(rows: list[list[float]]) -> bytes:
    data = [value for row in rows for value in row]
    tensor = {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}
    return orjson.dumps({"inputs": [tensor]})


def _arguments(rows: list[list[float]]) -> bytes:
    return orjson.dumps({"rows": rows})


def _dataframe(rows: list[list[float]]) -> bytes:
    return orjson.dumps({"dataframe_split": {"columns": HOUSING.feature_names, "data": rows}})


_PROTOCOLS: dict[str, Callable[[list[list[float]]], bytes]] = {
    "mlserver": _v2,
    "bentoml": _arguments,
    "mlflow": _dataframe,
}
