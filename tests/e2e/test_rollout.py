"""A challenger is set, given traffic and ramped by one call each, and the predictors follow at once."""

from typing import Any

import httpx
import pytest

from mlplatform.contracts import IRIS
from tests.e2e.conftest import Platform
from tests.helpers.promoting import champion
from tests.helpers.waiting import wait_until

_TRAINING_SECONDS = 180
_START_SECONDS = 90
_PICK_UP_SECONDS = 15
_RAMP_SECONDS = 90  # two rounds of upkeep, and as much again
_SUBJECTS = [f"subject-{number}" for number in range(100)]

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def challenger(platform: Platform) -> str:
    """A version beside the champion, which challenges it."""
    client = platform.client
    wait_until(lambda: answers_of_models(client), within_seconds=_START_SECONDS, what="the registry, after a restart")
    if len(client.get("/models/iris").json()["versions"]) == 1:
        job = {"model": "iris", "reason": "a challenger", "effort": "quick"}
        location = client.post("/retrain", json=job).headers["location"]
        wait_until(
            lambda: client.get(location).json()["finished_at"] is not None,
            within_seconds=_TRAINING_SECONDS,
            what="the end of the training",
        )
    serving = champion(client)
    versions = [str(version["version"]) for version in client.get("/models/iris").json()["versions"]]
    found = next(version for version in versions if version != serving)
    body = {"version": found, "reason": "end-to-end test", "force": True}
    client.put("/models/iris/challenger", json=body).raise_for_status()
    return found


def answers_of_models(client: httpx.Client) -> bool:
    return client.get("/models/iris").is_success


def predict(client: httpx.Client, **headers: str) -> tuple[str, str]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = client.post("/predict/iris", json=dict(IRIS.example), headers=named).raise_for_status().json()
    return answer["version"], answer["variant"]


def iris(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/models/iris").raise_for_status().json())


def test_every_replica_has_the_challenger_and_says_so(client: httpx.Client, challenger: str) -> None:
    wait_until(lambda: iris(client)["is_converged"], within_seconds=_PICK_UP_SECONDS, what="the challenger")
    (replica,) = iris(client)["replicas"]
    assert replica["actual"] == replica["desired"]
    assert replica["actual"]["challenger"] == challenger


def test_a_share_is_taken_up_is_sticky_and_can_be_taken_back(client: httpx.Client, challenger: str) -> None:
    serving = champion(client)
    client.put("/models/iris/traffic", json={"challenger_percent": 50, "shadow": True}).raise_for_status()

    def answers() -> list[tuple[str, str]]:
        return [predict(client, X_Subject_Id=subject) for subject in _SUBJECTS]

    both = {(serving, "champion"), (challenger, "challenger")}
    wait_until(lambda: set(answers()) == both, within_seconds=_PICK_UP_SECONDS, what="both variants")
    assert answers() == answers()
    client.put("/models/iris/traffic", json={}).raise_for_status()
    alone = {(serving, "champion")}
    wait_until(lambda: set(answers()) == alone, within_seconds=_PICK_UP_SECONDS, what="the champion alone")
    assert client.get("/models/iris/history").json()["is_whole"]


def test_a_ramp_goes_up_by_itself_and_is_ended_by_hand(client: httpx.Client, challenger: str) -> None:
    """The requests of the test are what the steps are judged by."""
    ramp = {"steps": [10, 60], "soak_seconds": 1, "min_requests": 5, "reason": "end-to-end test"}
    limits = {"latency_ratio": 1_000, "disagreement_percent": 100}
    entry = client.post("/models/iris/ramp", json={**ramp, "limits": limits}).raise_for_status().json()
    assert entry["traffic"]["challenger"] == challenger

    def state() -> dict[str, Any]:
        predict(client)
        return dict(iris(client)["ramp"])

    def is_done() -> bool:
        return bool(state()["judgement"]["verdict"] == "done")

    wait_until(is_done, within_seconds=_RAMP_SECONDS, what="the end of the second step", every=0.1)
    assert iris(client)["traffic"]["challenger_percent"] == 60
    assert client.get("/models/iris/history").json()["entries"][0]["actor"] == "ramp"
    assert client.delete("/models/iris/ramp").json()["traffic"]["challenger_percent"] == 0
    assert iris(client)["ramp"] is None


@pytest.mark.usefixtures("challenger")
def test_a_challenger_past_a_limit_loses_its_share_and_the_history_says_why(client: httpx.Client) -> None:
    """No challenger takes a thousandth of the champion's time."""
    limits = {"latency_ratio": 0.001}
    client.post("/models/iris/ramp", json={"steps": [10, 60], "limits": limits}).raise_for_status()

    def is_over() -> bool:
        predict(client)
        return iris(client)["ramp"] is None

    wait_until(is_over, within_seconds=_RAMP_SECONDS, what="the stop", every=0.1)
    last = client.get("/models/iris/history").json()["entries"][0]
    assert last["actor"] == "ramp"
    assert last["reason"].startswith("stopped: it takes")
    assert last["traffic"]["challenger_percent"] == 0
