"""What is sent: the model's own hold-out rows, in the words of each protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from mlplatform.contracts import HOUSING
from tests.load.model import Model

JSON_HEADERS = {"Content-Type": "application/json"}
ARROW = "application/vnd.apache.arrow.stream"

SINGLE_BODIES = 256
"""Different rows, sent in turn: the same one again and again would find every branch of the trees cached."""


@dataclass(frozen=True)
class Target:
    """A POST to send again and again; the bodies take turns. `pid` is the process that answers."""

    url: str
    bodies: tuple[bytes, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)
    pid: int | None = None


def records(model: Model, count: int) -> list[dict[str, float]]:
    """Rows as objects of features."""
    return [dict(zip(HOUSING.feature_names, row, strict=True)) for row in model.rows(count).tolist()]


def single_bodies(model: Model) -> tuple[bytes, ...]:
    """One object of features each."""
    return tuple(orjson.dumps(record) for record in records(model, SINGLE_BODIES))


def bulk_body(model: Model, count: int) -> bytes:
    """`{"instances": [...]}` with so many rows."""
    return orjson.dumps({"instances": records(model, count)})


def arrow_body(model: Model, count: int) -> bytes | None:
    """The same as an Arrow stream of float64 columns; none where no Arrow library is installed."""
    try:
        import pyarrow as pa
    except ImportError:
        return None
    batch = pa.record_batch(dict(zip(HOUSING.feature_names, model.rows(count).T.copy(), strict=True)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def write_bodies(folder: Path, bodies: tuple[bytes, ...]) -> list[Path]:
    """A file for each body, for a load generator to read."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / str(number) for number in range(len(bodies))]
    for path, body in zip(paths, bodies, strict=True):
        path.write_bytes(body)
    return paths
