"""The same in containers: the database killed, and a worker stopped as an operator stops it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from docker.models.containers import Container

from tests.containers.conftest import client, engine, stack
from tests.drills.kills import REPEATS, Jobs, drill, repeat_kills, tell
from tests.helpers.compose import Stack
from tests.helpers.waiting import wait_until

__all__ = ["client", "engine", "stack"]

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600 + 120 * REPEATS)]

_STARTED_ELSEWHERE_SECONDS = 15.0
_AT_WORK_SECONDS = 300.0
_STRUCK_PERCENT = (1, 60)  # later, it could come to its end while its worker is asked to stop
_PATIENCE_SECONDS = 60.0
_HEALTHY_SECONDS = 90.0


@pytest.fixture(scope="module")
def patient(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the gateway for the whole module."""
    with httpx.Client(base_url=stack.gateway_url, timeout=30, trust_env=False) as patient:
        yield patient


def test_a_killed_database_costs_no_job_its_end(stack: Stack, patient: httpx.Client) -> None:
    def kill() -> None:
        stack.the("postgres").kill()

    def recover() -> None:
        [postgres] = stack.containers("postgres", ended=True)
        postgres.start()
        stack.wait_until_healthy(within_seconds=_HEALTHY_SECONDS)

    repeat_kills(drill("SIGKILL Postgres"), Jobs(patient), kill, recover)


def test_a_job_whose_worker_is_stopped_starts_again_on_another(stack: Stack, patient: httpx.Client) -> None:
    jobs, figures = Jobs(patient, "housing"), drill("docker stop of the worker at work")
    stack.scale("trainer-worker", 2)
    wait_until(lambda: len(stack.containers("trainer-worker")) == 2, what="two workers")
    stack.wait_until_healthy(within_seconds=_HEALTHY_SECONDS)
    moments = figures.moments
    while len(figures.seconds) < REPEATS:
        job = jobs.ask(f"worker stopped, {len(figures.seconds) + 1} of {REPEATS}")
        percent = moments.uniform(*_STRUCK_PERCENT)
        wait_until(
            partial(has_come_to, jobs, job, percent),
            within_seconds=_AT_WORK_SECONDS,
            what=f"{percent:.0f} % of the training",
        )
        struck, stopped = jobs.get(job), worker_of(stack, jobs, job)
        asked_to_stop = datetime.now(UTC)
        stopped.stop(timeout=30)
        wait_until(
            partial(is_second_attempt_or_over, jobs, job),
            within_seconds=_PATIENCE_SECONDS,
            what="a second attempt, or the end",
        )
        if jobs.is_active(job):
            began = datetime.fromisoformat(jobs.get(job)["attempt_history"][-1]["started_at"])
            figures.note("started elsewhere", (began - asked_to_stop).total_seconds(), struck)
            assert figures.seconds[-1] < _STARTED_ELSEWHERE_SECONDS
            assert worker_of(stack, jobs, job).id != stopped.id
            jobs.cancel(job)
        else:  # it needed no more than the seconds that a worker has to go, which is as good
            end = jobs.get(job)
            tell(f"at its end before the worker was: {end['state']}; struck at {struck['percent']} %")
            assert (end["state"], end["attempts"]) in {("promoted", 1), ("rejected", 1), ("held", 1)}
        stopped.start()
        jobs.wait_for_the_end(job, 120)
        stack.wait_until_healthy(within_seconds=_HEALTHY_SECONDS)


def has_come_to(jobs: Jobs, job: str, percent: float) -> bool:
    return bool(jobs.get(job)["percent"] >= percent)


def is_second_attempt_or_over(jobs: Jobs, job: str) -> bool:
    now = jobs.get(job)
    return bool(now["attempts"] == 2 and now["state"] == "running") or not jobs.is_active(job)


def worker_of(stack: Stack, jobs: Jobs, job: str) -> Container:
    """The container in which the latest attempt is at work."""
    host = str(jobs.get(job)["attempt_history"][-1]["worker"]).rpartition("@")[2]
    [container] = [each for each in stack.containers("trainer-worker") if str(each.id).startswith(host)]
    return container
