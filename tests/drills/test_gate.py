"""What is worse than the champion does not serve, whoever trained it."""

import hashlib
import random
import time
from functools import partial
from pathlib import Path

import httpx
import pandas as pd
import pytest

from mlplatform.contracts import IRIS
from tests.drills.kills import Jobs, assert_one_end
from tests.drills.processes import another_worker
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until
from trainer.datasets import CHECKSUMS_FILE, split
from trainer.recipes import RECIPES

_DATA = Path(__file__).parents[2] / "data"
_FILE = RECIPES[IRIS.model].source.file
_TRAINING_SECONDS = 120
_FOLLOW_SECONDS = 10
_TRIES = 5
_ROUNDED_SECONDS = 0.1


@pytest.mark.timeout(400)
def test_a_model_of_shuffled_labels_is_rejected_and_one_of_the_true_labels_promoted_and_rolled_back(
    platform: Platform, tmp_path: Path
) -> None:
    """The stack's own worker is kept busy with houses while another one, whose data are wrong, trains on flowers."""
    flowers, houses = Jobs(platform.client), Jobs(platform.client, "housing")
    champion = aliases(platform)["champion"]
    wait_until_it_answers(platform, champion)
    answers = csv_answers(platform)
    wrong, processed = with_shuffled_labels(tmp_path / "data"), tmp_path / "processed"
    own = {"MLPLATFORM_DATA_DIR": str(wrong), "MLPLATFORM_PROCESSED_DIR": str(processed)}
    with another_worker(platform, **own):
        distraction = keep_the_first_worker_busy(houses)
        job = flowers.ask("labels are shuffled")
        end = flowers.wait_for_the_end(job, _TRAINING_SECONDS)
        houses.cancel(distraction)
        houses.wait_for_the_end(distraction, _TRAINING_SECONDS)
    assert_only_labels_of_training_differ(processed / IRIS.model, platform.processed / IRIS.model)
    assert end["state"] == "rejected"
    assert {"loss", "champion", "progress"} <= failed_checks(end)
    assert_one_end(flowers, job, end)
    assert aliases(platform)["champion"] == champion
    assert end["version"] not in aliases(platform).values()
    assert wanted_from_now_on(platform)["champion"] == champion
    assert csv_answers(platform) == answers

    forced = {"version": end["version"], "reason": "to have something to be better than", "force": True}
    platform.client.post("/models/iris/promote", json=forced).raise_for_status()
    wait_until_it_answers(platform, end["version"])
    worse_answers = csv_answers(platform)
    better = flowers.ask("labels are true")
    better_end = flowers.wait_for_the_end(better, _TRAINING_SECONDS)
    assert (better_end["state"], failed_checks(better_end)) == ("promoted", set())
    assert_one_end(flowers, better, better_end)
    assert better_end["metrics"]["holdout_accuracy"] > end["metrics"]["holdout_accuracy"]
    assert aliases(platform)["champion"] == better_end["version"]
    wait_until_it_answers(platform, better_end["version"])

    for before, its_answers in ((end["version"], worse_answers), (champion, answers)):
        platform.client.post("/models/iris/rollback", json={"reason": "a drill"}).raise_for_status()
        wait_until_it_answers(platform, before)
        assert csv_answers(platform) == its_answers


def keep_the_first_worker_busy(houses: Jobs) -> str:
    """The id of a job that the stack's own worker is at. The other has no data of houses: it fails what it takes."""

    def is_split_or_over(job: str) -> bool:
        return bool(houses.get(job)["percent"] > 0) or not houses.is_active(job)

    for _ in range(_TRIES):
        job = houses.ask("keeps the stack's worker busy")
        wait_until(partial(is_split_or_over, job), within_seconds=60, what="a worker at the job")
        if houses.is_active(job):
            return job
    raise AssertionError(f"the stack's worker took none of {_TRIES} jobs")


def with_shuffled_labels(folder: Path) -> Path:
    """The raw data, but that the flowers of the training are dealt anew to their labels.

    The flowers change lines rather than the labels: where the label of each line stays, so does the line on which side
    of the split it falls, and the hold-out is the true one.
    """
    header, *lines = (_DATA / _FILE).read_text().splitlines()
    flowers, labels = zip(*(line.rsplit(",", 1) for line in lines), strict=True)
    numbered = pd.DataFrame({"line": range(len(lines)), IRIS.target: labels})
    trained_on = split(IRIS, numbered).train["line"].tolist()
    dealt = random.Random(1).sample(trained_on, len(trained_on))  # noqa: S311 # no secret
    taken = {**{line: line for line in range(len(lines))}, **dict(zip(trained_on, dealt, strict=True))}
    content = "\n".join([header, *(f"{flowers[taken[line]]},{label}" for line, label in enumerate(labels)), ""])
    folder.mkdir()
    (folder / _FILE).write_text(content)
    (folder / CHECKSUMS_FILE).write_text(f"{hashlib.sha256(content.encode()).hexdigest()}  {_FILE}\n")
    return folder


def assert_only_labels_of_training_differ(wrong: Path, true: Path) -> None:
    """What the two workers have kept of their splits: the same hold-out, the same flowers, and others' labels."""
    assert (wrong / "holdout.csv").read_bytes() == (true / "holdout.csv").read_bytes()
    features, (mine, theirs) = list(IRIS.feature_names), (pd.read_csv(each / "train.csv") for each in (wrong, true))
    assert sorted(mine[features].to_numpy().tolist()) == sorted(theirs[features].to_numpy().tolist())
    assert sorted(mine[IRIS.target]) == sorted(theirs[IRIS.target])
    assert not mine.equals(theirs)


def failed_checks(end: dict[str, object]) -> set[str]:
    """The checks of the gate that spoke against a job's version, each with its reason in words."""
    decision = end["decision"]
    assert isinstance(decision, dict)
    failed = [reason for reason in decision["reasons"] if not reason["passed"]]
    assert all(reason["detail"] in decision["summary"] for reason in failed)
    return {reason["check"] for reason in failed}


def aliases(platform: Platform) -> dict[str, str]:
    return dict(platform.client.get("/models/iris").json()["aliases"])


def csv_answers(platform: Platform) -> tuple[str, bytes]:
    """The version in the predictor and, byte for byte, what it says to every flower that there is."""
    flowers = [line.rsplit(",", 1)[0] for line in (_DATA / _FILE).read_text().splitlines()]
    answer = httpx.post(
        f"{platform.settings.url('iris-predictor')}/predict",
        content="\n".join(flowers),
        headers={"Content-Type": "text/csv", "Accept": "text/csv"},
        timeout=10,
    ).raise_for_status()
    return answer.headers["X-Model-Version"], answer.content


def wait_until_it_answers(platform: Platform, version: str) -> None:
    wait_until(
        lambda: csv_answers(platform)[0] == version,
        within_seconds=_FOLLOW_SECONDS,
        what=f"version {version} in the predictor",
    )


def wanted_from_now_on(platform: Platform) -> dict[str, str]:
    """Which versions the predictor has to serve, by what MLflow has told it after this call."""
    began, told = time.monotonic(), dict[str, str]()

    def has_heard() -> bool:
        elapsed = time.monotonic() - began
        health = httpx.get(f"{platform.settings.url('iris-predictor')}/health", timeout=5).json()
        told.update(health["wanted"])
        return bool(health["registry"]["seconds_since_answer"] + _ROUNDED_SECONDS < elapsed)

    wait_until(has_heard, within_seconds=_FOLLOW_SECONDS, what="the predictor to hear of MLflow", every=0.2)
    return told
