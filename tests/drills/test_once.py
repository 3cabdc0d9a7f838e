"""However often a thing is asked for, it happens once."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from tests.drills.kills import Jobs, assert_one_end
from tests.drills.processes import WORKER, another_beat, another_worker, counted, deliveries_done, found, publish_again
from tests.drills.runs import leave_open, open_runs, trainings
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until
from trainer.tasks import KEEP_UP, KEEP_UP_SECONDS

_TRAINING_SECONDS = 120
_POSTS = 8
_DUPLICATES = 3


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> Jobs:
    return Jobs(platform.client)


def versions(platform: Platform, model: str = "iris") -> int:
    return len(platform.client.get(f"/models/{model}").json()["versions"])


@pytest.mark.timeout(300)
def test_posts_at_the_same_moment_make_one_job_one_version_and_one_alias_move(platform: Platform, jobs: Jobs) -> None:
    before = versions(platform)

    def post(_: int) -> httpx.Response:
        return httpx.post(f"{platform.settings.gateway_url}/retrain", json={"model": "iris"}, timeout=30)

    with ThreadPoolExecutor(_POSTS) as pool:
        answers = list(pool.map(post, range(_POSTS)))
    accepted = [answer for answer in answers if answer.status_code == httpx.codes.ACCEPTED]
    refused = [answer for answer in answers if answer.status_code == httpx.codes.CONFLICT]
    assert (len(accepted), len(refused)) == (1, _POSTS - 1)
    job = accepted[0].json()["id"]
    assert all(job in answer.json()["detail"] for answer in refused)
    assert_one_end(jobs, job, jobs.wait_for_the_end(job, _TRAINING_SECONDS))
    assert versions(platform) == before + 1


@pytest.mark.timeout(300)
def test_a_message_delivered_again_and_again_changes_nothing(platform: Platform, jobs: Jobs) -> None:
    before = versions(platform)
    job = jobs.ask("delivered again")
    publish_again(platform, job, times=3)
    wait_until(lambda: jobs.get(job)["percent"] > 0, within_seconds=60, what="the training")
    publish_again(platform, job, times=3)
    end = jobs.wait_for_the_end(job, _TRAINING_SECONDS)
    publish_again(platform, job, times=3)
    following = jobs.ask("after the deliveries")  # taken from the same queue, so those before it are done with
    jobs.wait_for_the_end(following, _TRAINING_SECONDS)
    assert jobs.get(job) == end
    assert end["attempts"] == 1
    assert_one_end(jobs, job, end)
    assert versions(platform) == before + 2


@pytest.mark.timeout(300)
def test_the_same_key_at_the_same_moment_gives_everybody_the_same_job(platform: Platform, jobs: Jobs) -> None:
    def post(_: int) -> httpx.Response:
        return httpx.post(
            f"{platform.settings.gateway_url}/retrain",
            content=json.dumps({"model": "iris", "reason": "with a key"}),
            headers={"Content-Type": "application/json", "Idempotency-Key": "drill-1"},
            timeout=30,
        )

    with ThreadPoolExecutor(_POSTS) as pool:
        answers = list(pool.map(post, range(_POSTS)))
    assert {answer.status_code for answer in answers} == {httpx.codes.ACCEPTED}
    [job] = {answer.json()["id"] for answer in answers}
    assert_one_end(jobs, job, jobs.wait_for_the_end(job, _TRAINING_SECONDS))


@pytest.mark.timeout(300)
def test_a_duplicate_that_another_worker_takes_during_the_training_changes_nothing(platform: Platform) -> None:
    jobs = Jobs(platform.client, "housing")
    versions_before, runs_before = versions(platform, "housing"), trainings(platform, "housing")
    with another_worker(platform) as second:
        workers = (platform.settings.url("trainer-worker"), second)
        job = jobs.ask("delivered to two workers")
        wait_until(lambda: jobs.get(job)["percent"] > 0, within_seconds=60, what="the training")
        [idle] = [worker for worker in workers if counted(worker, "worker_tasks_active") == 0]
        done_before = deliveries_done(idle)
        publish_again(platform, job, _DUPLICATES)
        wait_until(
            lambda: deliveries_done(idle) >= done_before + _DUPLICATES,
            within_seconds=60,
            what="the other worker to be done with the duplicates",
        )
        assert jobs.is_active(job), "the training was over before the duplicates were taken, which shows nothing"
        end = jobs.wait_for_the_end(job, _TRAINING_SECONDS)
    assert (end["state"], end["attempts"]) == ("promoted", 1)
    assert_one_end(jobs, job, end)
    assert versions(platform, "housing") == versions_before + 1
    assert trainings(platform, "housing") == runs_before + 1


@pytest.mark.timeout(240)
def test_two_beats_ask_twice_and_what_they_ask_for_is_done_once_a_period(platform: Platform, tmp_path: Path) -> None:
    """A round of upkeep ends a run that is left open; the next one is left right after that, so each that was ended
    stands for a round.
    """
    messages, ended = 10, 0
    let_a_round_end_a_run(platform)
    with another_beat(platform, tmp_path) as second:  # some seconds after the first, so that they do not ask as one
        wait_until(lambda: has_asked(second), within_seconds=60, what="the second beat to ask, too", every=0.2)
        let_a_round_end_a_run(platform)
        done_before, taken_before = upkeep_done(platform), len(periods_taken(platform))
        while upkeep_done(platform) < done_before + messages:
            let_a_round_end_a_run(platform)
            ended += 1
        done, taken = upkeep_done(platform) - done_before, len(periods_taken(platform)) - taken_before
    assert ended <= taken
    assert done / 2 - 2 <= ended <= done / 2 + 2  # two beats ask ten times in five periods, begun ones included


@pytest.mark.timeout(300)
def test_two_beats_bring_a_job_whose_worker_is_killed_to_one_end(
    platform: Platform, jobs: Jobs, tmp_path: Path
) -> None:
    before = versions(platform)
    with another_beat(platform, tmp_path) as second:
        wait_until(lambda: has_asked(second), within_seconds=60, what="the second beat to ask, too", every=0.2)
        job = jobs.ask("two beats look after it")
        wait_until(lambda: jobs.get(job)["percent"] > 0, within_seconds=60, what="the training")
        [worker, *_] = found(platform, WORKER, "training")
        worker.kill()
        end = jobs.wait_for_the_end(job, _TRAINING_SECONDS)
    assert [attempt["outcome"] for attempt in end["attempt_history"]] == ["abandoned", "promoted"]
    assert_one_end(jobs, job, end)
    assert versions(platform) == before + 1


def let_a_round_end_a_run(platform: Platform) -> None:
    """Leave a run open, and wait until the upkeep has ended it."""
    run = leave_open(platform)
    wait_until(
        lambda: run not in open_runs(platform),
        within_seconds=3 * KEEP_UP_SECONDS,
        what="a round of upkeep",
        every=0.2,
    )


def has_asked(beat: str) -> bool:
    with suppress(httpx.TransportError):
        return counted(beat, "beat_tasks_published_total", task=KEEP_UP) > 0
    return False


def upkeep_done(platform: Platform) -> float:
    """How many messages the worker of the short tasks has done with."""
    url = platform.settings.url("trainer-upkeep")
    return counted(url, "worker_tasks_total", task=KEEP_UP, outcome="succeeded")


def periods_taken(platform: Platform) -> list[int]:
    with closing(sqlite3.connect(platform.settings.state_dir / "sql" / "trainer.db")) as database:
        return [
            number
            for (number,) in database.execute("SELECT number FROM periods WHERE task = ? ORDER BY number", [KEEP_UP])
        ]
