"""A retraining ends in a new version that answers, without a restart."""

from typing import Any

import httpx
import pytest

from mlplatform.contracts import IRIS
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

_TRAINING_SECONDS = 180
_PICK_UP_SECONDS = 10


def answering_version(client: httpx.Client) -> int:
    return int(client.post("/predict/iris", json=dict(IRIS.example)).json()["version"])


def job(client: httpx.Client, location: str) -> dict[str, Any]:
    return dict(client.get(location).json())


@pytest.mark.timeout(300)
def test_a_retraining_ends_in_a_new_version_answering(client: httpx.Client) -> None:
    before = answering_version(client)
    accepted = client.post("/retrain", json={"model": "iris", "reason": "end-to-end test"})
    assert accepted.status_code == httpx.codes.ACCEPTED
    location = accepted.headers["location"]

    def is_finished() -> bool:
        return job(client, location)["finished_at"] is not None

    wait_until(is_finished, within_seconds=_TRAINING_SECONDS, what="the end of the training")
    done = job(client, location)
    assert done["state"] == "promoted", done["error"]
    assert int(done["version"]) > before

    def is_picked_up() -> bool:
        return answering_version(client) == int(done["version"])

    wait_until(is_picked_up, within_seconds=_PICK_UP_SECONDS, what="the new version in the predictor")


def test_an_unknown_model_is_not_found(client: httpx.Client) -> None:
    response = client.post("/retrain", json={"model": "wine"})
    assert response.status_code == httpx.codes.NOT_FOUND
    assert "housing, iris" in response.json()["detail"]


def test_the_first_trainings_were_asked_for_by_the_platform_itself(client: httpx.Client) -> None:
    jobs = client.get("/retrain", params={"limit": 100}).json()["jobs"]
    first = [entry for entry in jobs if entry["reason"].startswith("first start")]
    assert {entry["model"] for entry in first} == {"housing", "iris"}
    assert {entry["state"] for entry in first} == {"promoted"}


@pytest.mark.timeout(400)
def test_a_retraining_whose_worker_is_killed_still_comes_to_its_end(platform: Platform, client: httpx.Client) -> None:
    location = client.post("/retrain", json={"model": "housing", "reason": "killed on the way"}).headers["location"]

    def is_at_work() -> bool:
        return bool(job(client, location)["percent"] > 0)

    wait_until(is_at_work, within_seconds=60, what="the training")
    workers = [process for process in platform.processes() if "trainer.worker" in process.cmdline()]
    assert workers
    for process in workers:
        process.kill()

    def is_finished() -> bool:
        return job(client, location)["finished_at"] is not None

    wait_until(is_finished, within_seconds=_TRAINING_SECONDS, what="the end of the second attempt")
    done = job(client, location)
    assert (done["state"], done["attempts"]) == ("promoted", 2), done["error"]
