"""MLflow's server logs in the form of the platform's own processes."""

import json
from pathlib import Path

import httpx

from tests.helpers.waiting import wait_until


def test_every_line_is_json_with_an_event(mlflow_url: str, mlflow_log: Path) -> None:
    """From the tables it makes to a request that it refuses."""
    strange = {"Host": "somebody.example"}
    assert httpx.get(f"{mlflow_url}/api/2.0/mlflow/runs/get", headers=strange, trust_env=False).status_code == 403
    wait_until(lambda: "somebody.example" in mlflow_log.read_text(), what="the refusal in the log")
    lines = [json.loads(line) for line in mlflow_log.read_text().splitlines()]
    for line in lines:
        assert {"event", "timestamp", "level", "service", "logger"} <= line.keys()
        assert line["level"].islower()
    assert {"mlflow.cli", "uvicorn.error"} <= {line["logger"] for line in lines}
    (refusal,) = [line for line in lines if "somebody.example" in line["event"]]
    assert refusal["level"] == "warning"
