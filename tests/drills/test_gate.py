"""No model serves without having earned it: real workers, on data that is spoiled and mended under them."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from mlplatform.contracts import IRIS
from tests.drills.kills import Jobs, assert_one_end
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until
from trainer.datasets import CHECKSUMS_FILE, split
from trainer.recipes import RECIPES

_TRAINING_SECONDS = 120
_ROLLBACK_SECONDS = 10


@pytest.fixture
def jobs(platform: Platform) -> Jobs:
    return Jobs(platform.client)


@pytest.fixture
def client(platform: Platform) -> httpx.Client:
    return platform.client


@contextmanager
def shuffled_labels(data: Path) -> Iterator[None]:
    """The rows that are trained on have each other's labels, those of the hold-out their own."""
    file, checksums = data / RECIPES["iris"].source.file, data / CHECKSUMS_FILE
    kept = {path: path.read_bytes() for path in (file, checksums)}
    frame = pd.read_csv(file, dtype=str)
    trained_on = split(IRIS, frame.assign(row=frame.index)).train["row"].to_numpy()
    mixed = [*trained_on]
    random.Random(1).shuffle(mixed)  # noqa: S311 # no secret
    # Features change places and labels stay, so that the split, which looks at labels, is the same.
    features = list(IRIS.feature_names)
    frame.loc[trained_on, features] = frame.loc[np.array(mixed), features].to_numpy()
    frame.to_csv(file, index=False)
    good, bad = (hashlib.sha256(content).hexdigest() for content in (kept[file], file.read_bytes()))
    checksums.write_text(kept[checksums].decode().replace(good, bad))
    try:
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def serving(client: httpx.Client) -> dict[str, Any]:
    """What clients get: every answer of the champion to what is asked here, and the champion's number."""
    rows = ((5.1, 3.5, 1.4, 0.2), (6.3, 2.8, 5.1, 1.5))
    instances = [dict(zip(IRIS.feature_names, row, strict=True)) for row in rows]
    answer = client.post("/predict/iris", json={"instances": instances})
    assert answer.status_code == httpx.codes.OK, answer.text
    return {name: value for name, value in answer.json().items() if name != "prediction_id"}


@pytest.mark.timeout(400)
def test_what_learned_shuffled_labels_is_rejected_a_better_one_promoted_and_a_rollback_brings_the_old_answers_back(
    platform: Platform, jobs: Jobs, client: httpx.Client
) -> None:
    before = serving(client)
    with shuffled_labels(platform.settings.data_dir):
        worse = jobs.wait_for_the_end(jobs.ask("shuffled labels"), _TRAINING_SECONDS)
    assert worse["state"] == "rejected", worse
    assert_one_end(jobs, worse["id"], worse)
    told = {reason["check"] for reason in worse["decision"]["reasons"] if not reason["passed"]}
    assert {"loss", "champion", "progress"} <= told, worse["decision"]
    assert serving(client) == before
    refused = client.post("/models/iris/promote", json={"version": worse["version"], "reason": "by mistake"})
    assert refused.status_code == httpx.codes.CONFLICT

    forced = {"version": worse["version"], "reason": "so that there is something to be better than", "force": True}
    assert client.post("/models/iris/promote", json=forced).status_code == httpx.codes.OK
    await_version(client, worse["version"])
    shuffled = serving(client)
    better = jobs.wait_for_the_end(jobs.ask("the true labels"), _TRAINING_SECONDS)
    assert better["state"] == "promoted", better
    assert_one_end(jobs, better["id"], better)
    await_version(client, better["version"])
    assert serving(client) != shuffled

    assert client.post("/models/iris/rollback", json={"reason": "a drill"}).status_code == httpx.codes.OK
    await_version(client, worse["version"])
    assert serving(client) == shuffled
    assert client.post("/models/iris/rollback", json={"reason": "the end of it"}).status_code == httpx.codes.OK
    await_version(client, before["version"])
    assert serving(client) == before


def await_version(client: httpx.Client, version: str) -> None:
    wait_until(
        lambda: serving(client)["version"] == version, within_seconds=_ROLLBACK_SECONDS, what=f"version {version}"
    )
