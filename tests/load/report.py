"""Results on disk."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.load.options import Options
from tests.load.result import Result


def write(
    name: str, options: Options, results: Mapping[str, Result], facts: Mapping[str, object], neighbours: float
) -> Path:
    """Everything that was measured and on what, as JSON; returns the file."""
    now = datetime.now(UTC)
    document = {
        "at": now.isoformat(timespec="seconds"),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "machine": dict(facts),
        "cores_used_by_others": round(neighbours, 2),
        "scenarios": {key: result.as_json() for key, result in results.items()},
    }
    folder = options.folder / "results"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path
