"""Where each microsecond of a prediction goes: `python -m tests.load.microseconds`.

Every step alone, in a loop on one core: what it costs at best, with warm caches and nothing else to do. Then the whole
app without a server: what is left of the time of a request is HTTP, sockets and the event loop.
"""

import asyncio
import logging
import os
from collections.abc import Callable, MutableMapping
from itertools import cycle
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import orjson
import structlog
import uuid_utils
import uvloop
from prometheus_client import CollectorRegistry, Counter, Histogram

from mlplatform.contracts import HOUSING
from mlplatform.contracts.housing import HousingFeatures
from mlplatform.runtime import OnnxModel
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.metrics import SECONDS
from tests.load import cores, model, targets
from tests.load.contenders import CLOSED_URL
from tests.load.options import parse
from tests.load.say import say
from tests.load.table import table

_REPEATS = 7
_BATCH_SECONDS = 0.05
_CALLS = 2_000

Message = MutableMapping[str, Any]


def steps(trained: model.Model) -> dict[str, Callable[[], object]]:
    """The steps that no predictor can do without, in the order of a request, on the same real row."""
    onnx = OnnxModel(HOUSING, trained.onnx.read_bytes())
    registry = CollectorRegistry()
    counter = Counter("requests", "-", ["model"], registry=registry).labels(HOUSING.model)
    histogram = Histogram("seconds", "-", ["model"], buckets=SECONDS, registry=registry).labels(HOUSING.model)
    body = targets.single_bodies(trained)[0]
    row = tuple(orjson.loads(body).values())
    rows = np.array([row], dtype=np.float64)
    answer: dict[str, object] = {
        "prediction": float(onnx.run(rows)[0][0]),
        "unit": HOUSING.unit,
        "prediction_id": str(uuid_utils.uuid7()),
        "model": HOUSING.model,
        "version": "1",
        "variant": "champion",
        "warnings": [],
    }
    # The same row again and again would take half the time: it finds every node and every branch cached.
    in_turn = cycle(list(trained.rows(targets.SINGLE_BODIES)[:, np.newaxis, :]))
    return {
        "validate from bytes (pydantic-core)": lambda: HousingFeatures.model_validate_json(body),
        "make the array": lambda: np.array([row], dtype=np.float64),
        "session.run, different rows in turn": lambda: onnx.run(next(in_turn)),
        "make the prediction id (uuid7)": lambda: str(uuid_utils.uuid7()),
        "serialise (orjson)": lambda: orjson.dumps(answer),
        "add to a counter": counter.inc,
        "observe in a histogram": lambda: histogram.observe(0.0001),
    }


def cost(step: Callable[[], object]) -> float:
    """Microseconds of processor time for one call: the median of a few batches."""
    calls = 1
    while _time(step, calls) < _BATCH_SECONDS:
        calls *= 2
    return median(_time(step, calls) for _ in range(_REPEATS)) / calls * 1e6


def _time(step: Callable[[], object], calls: int) -> float:
    began = process_time()
    for _ in range(calls):
        step()
    return process_time() - began


async def whole(trained: model.Model) -> float:
    """Microseconds of one request to the real app, called as a server calls it."""
    app = create_app(HOUSING, PredictorSettings(cache_dir=trained.cache, mlflow_url=CLOSED_URL))
    bodies = targets.single_bodies(trained)
    statuses: set[int] = set()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.add(message["status"])

    async def request(number: int) -> None:
        body = bodies[number % len(bodies)]

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(_scope(body), receive, send)

    async def batch() -> float:
        began = process_time()
        for number in range(_CALLS):
            await request(number)
        return process_time() - began

    async with app.router.lifespan_context(app):
        await batch()
        costs = [await batch() for _ in range(_REPEATS)]
    if statuses != {200}:
        raise RuntimeError(f"the app answered {statuses}")
    return median(costs) / _CALLS * 1e6


def _scope(body: bytes) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def main() -> None:
    """Print a table of the steps and of the whole."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    os.sched_setaffinity(0, {cores.assign(cores.available()).server})
    trained = model.trained_model(parse([], ()).folder / "model")
    nothing = cost(lambda: None)
    costs = {name: max(0.0, cost(step) - nothing) for name, step in steps(trained).items()}
    lines = [
        *costs.items(),
        ("these together", sum(costs.values())),
        ("the whole app, without a server", asyncio.Runner(loop_factory=uvloop.new_event_loop).run(whole(trained))),
    ]
    say(table(("one row", "µs"), [(name, f"{microseconds:.1f}") for name, microseconds in lines]))


if __name__ == "__main__":
    main()
