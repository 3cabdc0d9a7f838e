"""MLflow loses its store, and all that was registered with it."""

import shutil

import httpx
import pytest

from mlplatform.contracts import CONTRACTS
from tests.drills.kills import Jobs, tell
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

_START_SECONDS = 90
_TRAINING_SECONDS = 240
_FOLLOW_SECONDS = 20


@pytest.mark.timeout(600)
def test_the_champions_serve_on_no_number_comes_back_and_somebody_decides_what_serves_next(platform: Platform) -> None:
    for model in CONTRACTS:
        jobs = Jobs(platform.client, model)
        jobs.wait_for_the_end(jobs.ask("to have a number that would be given out again"), _TRAINING_SECONDS)
    served = {model: champion(platform, model) for model in CONTRACTS}
    for model, version in served.items():
        wait_until_it_answers(platform, model, version)
    answers = {model: answer(platform, model) for model in CONTRACTS}
    platform.stop()
    state = platform.settings.state_dir
    for lost in (*(state / "sql").glob("mlflow.db*"), state / "mlflow"):
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    platform.start()
    platform.wait_until_it_is_whole(_START_SECONDS)
    assert {model: answer(platform, model) for model in CONTRACTS} == answers

    for model in CONTRACTS:
        retrained = the_job_that_began_by_itself(platform, model)
        assert retrained["state"] == "held"
        assert int(str(retrained["version"])) > int(served[model])
        assert answer(platform, model) == answers[model]
        promoted = platform.client.post(
            f"/models/{model}/promote", json={"version": retrained["version"], "reason": "its card was read"}
        )
        assert promoted.status_code == httpx.codes.OK
        wait_until_it_answers(platform, model, str(retrained["version"]))
        history = platform.client.get(f"/models/{model}/history").json()
        assert (history["entries"][0]["before"], history["entries"][0]["after"]) == (
            served[model],
            retrained["version"],
        )
        back = platform.client.post(f"/models/{model}/rollback", json={"reason": "to what is lost"})
        assert back.status_code == httpx.codes.NOT_FOUND
        tell(f"{model}: version {served[model]} was lost, {retrained['version']} follows")


def champion(platform: Platform, model: str) -> str:
    return str(platform.client.get(f"/models/{model}").json()["aliases"]["champion"])


def answer(platform: Platform, model: str) -> dict[str, object]:
    """What the example of the contract gets, and from which version."""
    body = platform.client.post(f"/predict/{model}", json=dict(CONTRACTS[model].example)).raise_for_status().json()
    return {"version": body["version"], "prediction": body["prediction"]}


def wait_until_it_answers(platform: Platform, model: str, version: str) -> None:
    wait_until(
        lambda: answer(platform, model)["version"] == version,
        within_seconds=_FOLLOW_SECONDS,
        what=f"version {version} of {model}",
    )


def the_job_that_began_by_itself(platform: Platform, model: str) -> dict[str, object]:
    """Upkeep asks for one, as it finds no champion."""
    jobs = Jobs(platform.client, model)

    def newest() -> dict[str, object]:
        return dict(platform.client.get("/retrain", params={"model": model, "limit": 1}).json()["jobs"][0])

    wait_until(lambda: "first start" in str(newest()["reason"]), within_seconds=60, what=f"a training of {model}")
    return jobs.wait_for_the_end(str(newest()["id"]), _TRAINING_SECONDS)
