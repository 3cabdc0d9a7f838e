"""However often a thing is asked for, it happens once."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.drills.kills import Jobs, assert_one_end
from tests.e2e.conftest import Platform
from tests.helpers.waiting import wait_until

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
    return f"redis://127.0.0.1:{platform.settings.ports['redis']}/0"


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
