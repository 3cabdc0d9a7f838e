"""However often a thing is asked for, it happens once."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
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
from trainer.tasks import KEEP_UP, KEEP_UP_SECONDS, TRAIN

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
def test_a_message_that_another_worker_takes_while_the_job_is_at_work_changes_nothing(
    platform: Platform, jobs: Jobs
) -> None:
    copies, before = 3, versions(platform)
    with another_worker(platform) as other:
        urls = (platform.settings.url("trainer-worker"), other)
        wait_until(lambda: takes_tasks(other), within_seconds=90, what="a second worker")
        done_before = sum(tasks_done(url, TRAIN) for url in urls)
        job = jobs.ask("taken twice")
        wait_until(lambda: jobs.get(job)["percent"] > 0, within_seconds=60, what="the training")
        publish_again(platform, job, copies)
        # Who trains takes no other message, so these are the idle one's; the training's own is done with at its end.
        wait_until(
            lambda: sum(tasks_done(url, TRAIN) for url in urls) >= done_before + copies,
            within_seconds=60,
            what="the copies taken",
        )
        assert jobs.is_active(job)
        assert sum(active_tasks(url) for url in urls) == 1
        end = jobs.wait_for_the_end(job, _TRAINING_SECONDS)
        wait_until(
            lambda: sum(tasks_done(url, TRAIN) for url in urls) == done_before + copies + 1,
            within_seconds=30,
            what="every message done with",
        )
    assert (end["state"], end["attempts"], len(end["attempt_history"])) == ("promoted", 1, 1)
    assert_one_end(jobs, job, end)
    assert versions(platform) == before + 1


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
    own = {"MLPLATFORM_PORT": str(free_port()), "MLPLATFORM_BEAT_SCHEDULE": str(folder / "schedule")}
    with another(beat_of(platform), own):
        yield


@contextmanager
def another_worker(platform: Platform) -> Iterator[str]:
    """A second worker that trains; where it tells its figures."""
    first, *_ = [
        process
        for process in platform.processes()
        if "trainer.worker" in process.cmdline() and process.environ().get("MLPLATFORM_QUEUE") == "training"
    ]
    port = free_port()
    with another(first, {"MLPLATFORM_PORT": str(port)}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def another(first: psutil.Process, own: Mapping[str, str]) -> Iterator[None]:
    """A second process like one of the stack, but for a few settings."""
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
    return tasks_done(platform.settings.url("trainer-upkeep"), KEEP_UP)


def tasks_done(url: str, task: str) -> float:
    return figure(url, f'mlplatform_worker_tasks_total{{outcome="succeeded",task="{task}"}}')


def active_tasks(url: str) -> float:
    return figure(url, "mlplatform_worker_tasks_active")


def takes_tasks(url: str) -> bool:
    """Whether a worker has its broker."""
    try:
        return figure(url, 'mlplatform_heartbeat_timestamp_seconds{process="trainer-worker"}') > 0
    except httpx.TransportError:
        return False


def figure(url: str, series: str) -> float:
    metrics = httpx.get(f"{url}/metrics").text
    [value] = [line.removeprefix(f"{series} ") for line in metrics.splitlines() if line.startswith(f"{series} ")]
    return float(value)


def periods_taken(platform: Platform) -> list[int]:
    with closing(sqlite3.connect(platform.settings.state_dir / "sql" / "trainer.db")) as database:
        return [
            number
            for (number,) in database.execute("SELECT number FROM periods WHERE task = ? ORDER BY number", [KEEP_UP])
        ]
