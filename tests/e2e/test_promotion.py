"""Who serves is changed by one call, and the predictors follow."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from mlplatform.contracts import IRIS
from tests.e2e.conftest import Platform
from tests.helpers.ports import free_port
from tests.helpers.promoting import (
    another_version,
    assert_a_rollback_restores_the_answers,
    assert_one_chain,
    champion,
    change_hands,
    history,
)
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
    before = len(history(client)["entries"])
    statuses = change_hands(client, two_versions, calls=_CALLS, clients=_CLIENTS)
    assert set(statuses) <= {httpx.codes.OK, httpx.codes.CONFLICT}
    assert len(assert_one_chain(client, platform.settings.url("mlflow"))) > before + _CALLS / 10


@pytest.mark.timeout(300)
def test_a_rollback_restores_the_old_answers_at_every_predictor(
    platform: Platform, client: httpx.Client, tmp_path: Path
) -> None:
    other = another_version(client, platform.settings.url("mlflow"), tmp_path)
    with another_predictor(platform, tmp_path) as second:
        assert_a_rollback_restores_the_answers(client, [platform.settings.url("iris-predictor"), second], other)


@contextmanager
def another_predictor(platform: Platform, folder: Path) -> Iterator[str]:
    """A second replica of the predictor of irises, with a cache of its own; its URL."""
    [first] = [process for process in platform.processes() if "iris_predictor.app" in process.cmdline()]
    port = free_port()
    own = {"MLPLATFORM_PORT": str(port), "MLPLATFORM_CACHE_DIR": str(folder / "cache")}
    second = psutil.Popen(first.cmdline(), env={**first.environ(), **own}, cwd=first.cwd())
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url), within_seconds=60, what="the second predictor ready")
        yield url
    finally:
        second.terminate()
        second.wait(30)


def is_ready(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/ready", timeout=5).is_success
    return False
