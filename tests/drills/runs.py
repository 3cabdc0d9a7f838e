"""The runs of trainings, as MLflow keeps them."""

from typing import Any

import httpx

from mlplatform.contracts import IRIS
from tests.e2e.conftest import Platform

_RUNNING = "attributes.status = 'RUNNING'"


def trainings(platform: Platform, model: str = IRIS.model) -> int:
    """How many trainings of a model have begun a run; those of its candidates are not counted."""
    return len(_found(platform, model, "attributes.run_name = 'training'"))


def open_runs(platform: Platform, model: str = IRIS.model) -> list[str]:
    """The runs of a model that MLflow takes for running."""
    return [run["info"]["run_id"] for run in _found(platform, model, _RUNNING)]


def leave_open(platform: Platform, model: str = IRIS.model) -> str:
    """A run that nobody ends, as a killed training leaves it; its id."""
    asked = {"experiment_id": _experiment(platform, model), "run_name": "left open"}
    answer = httpx.post(f"{_api(platform)}/runs/create", json=asked).raise_for_status()
    return str(answer.json()["run"]["info"]["run_id"])


def _found(platform: Platform, model: str, condition: str) -> list[dict[str, Any]]:
    search = {"experiment_ids": [_experiment(platform, model)], "filter": condition, "max_results": 10_000}
    answer = httpx.post(f"{_api(platform)}/runs/search", json=search).raise_for_status()
    return list(answer.json().get("runs", []))


def _experiment(platform: Platform, model: str) -> str:
    name = {"experiment_name": model}
    answer = httpx.get(f"{_api(platform)}/experiments/get-by-name", params=name).raise_for_status()
    return str(answer.json()["experiment"]["experiment_id"])


def _api(platform: Platform) -> str:
    return f"{platform.settings.url('mlflow')}/api/2.0/mlflow"
