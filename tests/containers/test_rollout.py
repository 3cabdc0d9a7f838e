"""A version on its way into predictors in containers: tried out in a process of its own, taken up at a word."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from docker.models.containers import Container

from tests.helpers.compose import Stack, output, run_inside
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

SERVICE, MODEL = "iris-predictor", "iris"
_TRAINING_SECONDS = 240
_POLL_SECONDS = 60
_SOON_SECONDS = 20
"""Much less than the time to the next poll."""

_ASK = "import sys, urllib.request as u; print(u.urlopen('http://127.0.0.1:8000' + sys.argv[1]).read().decode())"


@pytest.fixture
def listener(stack: Stack) -> Iterator[Container]:
    """A replica that looks by itself once a minute, on the caches of the others, beside those that answer."""
    name = f"{stack.project}-listener"
    options = ("--detach", "--no-deps", "--name", name, "--env", f"MLPLATFORM_POLL_SECONDS={_POLL_SECONDS}")
    stack.compose("run", *options, SERVICE)
    container = stack.engine.containers.get(name)
    try:
        wait_until(lambda: hears(container), within_seconds=120, what="Redis to be heard")
        yield container
    finally:
        container.remove(force=True)


def ask(container: Container, path: str) -> str:
    return output(container, "python", "-c", _ASK, path)


def hears(container: Container) -> bool:
    code, said = run_inside(container, "python", "-c", _ASK, "/metrics")
    return code == 0 and f'mlplatform_events_connected{{model="{MODEL}"}} 1.0' in said


def health(container: Container) -> dict[str, Any]:
    return dict(json.loads(ask(container, "/health")))


def train(client: httpx.Client) -> str:
    """A new version; it may have become champion."""
    job = {"model": MODEL, "reason": "one to roll out", "effort": "quick"}
    location = client.post("/retrain", json=job).headers["location"]
    wait_until(
        lambda: client.get(location).json()["finished_at"] is not None,
        within_seconds=_TRAINING_SECONDS,
        what="the end of the training",
        every=0.5,
    )
    return str(client.get(location).json()["version"])


def test_a_new_version_is_tried_out_and_taken_up_at_a_word_and_so_is_a_rollback(
    stack: Stack, client: httpx.Client, listener: Container
) -> None:
    before = health(listener)["version"]
    version = train(client)
    body = {"version": version, "reason": "a test", "force": True}
    client.post(f"/models/{MODEL}/promote", json=body).raise_for_status()
    wait_until(lambda: health(listener)["version"] == version, within_seconds=_SOON_SECONDS, what="the new version")
    assert health(listener)["refused"] == {}
    tried_with = output(listener, "cat", f"/var/cache/mlplatform/{version}/tried_with")
    assert tried_with.startswith("onnxruntime"), "only what passed its trial is noted so"
    assert listener.attrs["HostConfig"]["ReadonlyRootfs"] is True
    client.post(f"/models/{MODEL}/rollback", json={"reason": "a test"}).raise_for_status()
    wait_until(lambda: health(listener)["version"] == before, within_seconds=_SOON_SECONDS, what="the one before")
    wait_until(lambda: converged(client), within_seconds=_SOON_SECONDS, what="all replicas")
    assert not stack.unhealthy()


def converged(client: httpx.Client) -> bool:
    model = client.get(f"/models/{MODEL}").json()
    return bool(model["replicas"]) and bool(model["is_converged"])


def test_a_predictor_that_is_asked_to_stop_ends_well(listener: Container) -> None:
    listener.stop(timeout=25)
    listener.reload()
    assert listener.attrs["State"]["ExitCode"] == 0
