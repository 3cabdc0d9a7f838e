"""Who serves is changed by one call, and the predictors follow."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from mlplatform.contracts import IRIS
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

_TRAINING_SECONDS = 180
_PICK_UP_SECONDS = 10
_CALLS = 500
_CLIENTS = 8


@pytest.fixture(scope="module")
def two_versions(platform: Platform) -> tuple[str, str]:
    """The champion before, and one that a retraining has just made champion."""
    client = platform.client
    before = champion(client)
    location = client.post("/retrain", json={"model": "iris", "reason": "a second version", "effort": "quick"}).headers[
        "location"
    ]
    wait_until(
        lambda: client.get(location).json()["finished_at"] is not None,
        within_seconds=_TRAINING_SECONDS,
        what="the end of the training",
    )
    return before, str(client.get(location).json()["version"])


def champion(client: httpx.Client) -> str:
    return str(client.get("/models/iris").json()["aliases"]["champion"])


def history(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/models/iris/history", params={"limit": 1_000}).json())


def wait_until_answering(client: httpx.Client, version: str) -> None:
    def is_answering() -> bool:
        return bool(client.post("/predict/iris", json=dict(IRIS.example)).json()["version"] == version)

    wait_until(is_answering, within_seconds=_PICK_UP_SECONDS, what=f"version {version} in the predictor")


@pytest.mark.timeout(300)
def test_a_rollback_brings_the_version_before_back_and_keeps_the_other_out(
    client: httpx.Client, two_versions: tuple[str, str]
) -> None:
    old, new = two_versions
    wait_until_answering(client, new)
    assert client.post("/models/iris/rollback", json={"reason": "end-to-end test"}).json()["after"] == old
    wait_until_answering(client, old)
    again = {"version": new, "reason": "end-to-end test"}
    assert client.post("/models/iris/promote", json=again).status_code == httpx.codes.CONFLICT
    assert client.post("/models/iris/promote", json=again | {"force": True}).json()["after"] == new
    wait_until_answering(client, new)


def test_the_history_names_the_job_that_promoted_a_version(client: httpx.Client, two_versions: tuple[str, str]) -> None:
    _, new = two_versions
    by = [entry["actor"] for entry in history(client)["entries"] if entry["after"] == new]
    assert by[-1].startswith("job:")


def test_a_version_tells_what_it_was_measured_at(client: httpx.Client, two_versions: tuple[str, str]) -> None:
    version = client.get(f"/models/iris/versions/{two_versions[1]}").json()
    assert version["metrics"]["cv_accuracy_mean"] >= 0.95
    assert {"data_sha256", "code_version", "candidate"} <= version["origin"].keys()


@pytest.mark.timeout(400)
def test_hundreds_of_promotions_and_rollbacks_at_once_leave_one_chain_and_an_alias_that_says_its_end(
    platform: Platform, client: httpx.Client, two_versions: tuple[str, str]
) -> None:
    numbers = count()

    def change(_: int) -> int:
        number = next(numbers)
        call, body = "rollback", {"reason": "one of many"}
        if number % 3:
            version = two_versions[number % 2]
            call, body = "promote", {"reason": "one of many", "version": version, "force": True}  # type: ignore[dict-item]
        with httpx.Client(base_url=str(client.base_url), timeout=60) as own:
            return own.post(f"/models/iris/{call}", json=body).status_code

    before = len(history(client)["entries"])
    with ThreadPoolExecutor(_CLIENTS) as pool:
        statuses = list(pool.map(change, range(_CALLS)))
    assert set(statuses) <= {httpx.codes.OK, httpx.codes.CONFLICT}
    told = history(client)
    assert told["is_whole"]
    assert len(told["entries"]) > before + _CALLS / 10
    registry = platform.settings.url("mlflow") + "/api/2.0/mlflow/registered-models/get"
    model = httpx.get(registry, params={"name": IRIS.registered_model}).json()["registered_model"]
    aliases = {entry["alias"]: entry["version"] for entry in model["aliases"]}
    assert aliases["champion"] == told["entries"][0]["after"]
