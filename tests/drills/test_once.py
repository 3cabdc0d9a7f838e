"""However often a thing is asked for, it happens once."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.drills.kills import Jobs, assert_one_end
from tests.e2e.conftest import Platform
from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until
from trainer.tasks import KEEP_UP, KEEP_UP_SECONDS

_TRAINING_SECONDS = 120
_POSTS = 8

# In a process of its own, as any sender of messages is.
_PUBLISH = """
import sys
from trainer.settings import TrainerSettings
from trainer.tasks import CeleryQueue, create_celery
queue = CeleryQueue(create_celery(TrainerSettings(redis_url=sys.argv[1])))
for _ in range(int(sys.argv[3])):
    queue.publish(sys.argv[2])
"""


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> Jobs:
    return Jobs(platform.client)


def redis_url(platform: Platform) -> str:
    """With the password that the stack has made itself."""
    return str(beat_of(platform).environ()["MLPLATFORM_REDIS_URL"])


def publish_again(platform: Platform, job: str, times: int) -> None:
    subprocess.run([sys.executable, "-c", _PUBLISH, redis_url(platform), job, str(times)], check=True, timeout=60)


def versions(platform: Platform) -> int:
    return len(platform.client.get("/models/iris").json()["versions"])


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


@pytest.mark.timeout(180)
def test_two_beats_ask_twice_and_what_they_ask_for_is_done_once_a_period(platform: Platform, tmp_path: Path) -> None:
    messages = 10
    with another_beat(platform, tmp_path):
        done_before, taken_before = upkeep_done(platform), periods_taken(platform)
        wait_until(
            lambda: upkeep_done(platform) >= done_before + messages,
            within_seconds=KEEP_UP_SECONDS * messages,
            what=f"{messages} messages",
        )
        taken = periods_taken(platform)[len(taken_before) :]
    assert len(taken) == len(set(taken))
    assert len(taken) <= messages / 2 + 2  # two beats ask ten times in five periods, begun ones included


@contextmanager
def another_beat(platform: Platform, folder: Path) -> Iterator[None]:
    """A second beat of the same stack, as a mistaken scaling would start it."""
    first = beat_of(platform)
    own = {"MLPLATFORM_PORT": str(free_port()), "MLPLATFORM_BEAT_SCHEDULE": str(folder / "schedule")}
    second = psutil.Popen(first.cmdline(), env={**first.environ(), **own}, cwd=first.cwd())
    try:
        yield
    finally:
        second.terminate()
        second.wait(30)


def beat_of(platform: Platform) -> psutil.Process:
    [beat] = [process for process in platform.processes() if "trainer.beat" in process.cmdline()]
    return beat


def upkeep_done(platform: Platform) -> float:
    """How many messages the worker of the short tasks has done with."""
    series = f'mlplatform_worker_tasks_total{{outcome="succeeded",task="{KEEP_UP}"}} '
    metrics = httpx.get(platform.settings.url("trainer-upkeep") + "/metrics").text
    [value] = [line.removeprefix(series) for line in metrics.splitlines() if line.startswith(series)]
    return float(value)


def periods_taken(platform: Platform) -> list[int]:
    with closing(sqlite3.connect(platform.settings.state_dir / "sql" / "trainer.db")) as database:
        return [
            number
            for (number,) in database.execute("SELECT number FROM periods WHERE task = ? ORDER BY number", [KEEP_UP])
        ]
