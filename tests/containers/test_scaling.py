"""Replicas come and go under load, and no request is lost."""

import json
import time
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from tests.helpers.compose import BODIES, Stack, say
from tests.helpers.steady_load import SteadyLoad
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

SERVICE = "housing-predictor"
PER_SECOND = 200


@pytest.fixture(autouse=True)
def one_replica_afterwards(stack: Stack) -> Iterator[None]:
    yield
    stack.scale(SERVICE, 1)
    stack.wait_until_healthy(within_seconds=60)


def load(stack: Stack) -> SteadyLoad:
    return SteadyLoad(stack.ports["GATEWAY_PORT"], "/predict/housing", BODIES["housing"], per_second=PER_SECOND)


def addresses(stack: Stack) -> set[str]:
    """Where the replicas listen."""
    return {f"{address(container)}:8000" for container in stack.containers(SERVICE)}


def address(container: Container) -> str:
    networks = container.attrs["NetworkSettings"]["Networks"]
    (ours,) = [network for name, network in networks.items() if name.endswith("_application")]
    return str(ours["IPAddress"])


def addresses_that_answer(stack: Stack, *, last_seconds: int) -> set[str]:
    """The replicas that the gateway had answers from of late."""
    lines = stack.the("gateway").logs(since=int(time.time()) - last_seconds, stderr=False).splitlines()
    requests = [json.loads(line) for line in lines if line.startswith(b"{")]
    return {request["upstream"] for request in requests if request["status"] == 200 and ":" in request["upstream"]}


def test_four_replicas_become_one_and_four_again_without_a_lost_request(stack: Stack) -> None:
    stack.scale(SERVICE, 4)
    stack.wait_until_healthy(within_seconds=60)
    with load(stack) as steady:
        began = time.monotonic()
        time.sleep(10)
        assert addresses_that_answer(stack, last_seconds=2) >= addresses(stack), "four share the load"
        stack.scale(SERVICE, 1)
        time.sleep(15)
        assert addresses_that_answer(stack, last_seconds=2) == addresses(stack), "one has it all"
        scaled = time.monotonic()
        stack.scale(SERVICE, 4)
        started = time.monotonic()
        stack.wait_until_healthy(within_seconds=60)
        ready = time.monotonic()
        wait_until(
            lambda: addresses_that_answer(stack, last_seconds=2) >= addresses(stack),
            within_seconds=10,
            what="all four balanced",
        )
        balanced = time.monotonic()
        time.sleep(max(0.0, 60 - (time.monotonic() - began)))
    say(f"4 to 1 to 4: {steady.summary()}")
    say(
        f"three started in {started - scaled:.1f} s, ready {ready - started:.1f} s later, "
        f"the load balanced {balanced - ready:.1f} s after that"
    )
    assert steady.failures == []
    assert len(steady.outcomes) > 0.9 * PER_SECOND * 60, "the load was what it is said to be"


def test_a_replica_killed_outright_costs_at_most_what_was_in_flight_on_it(stack: Stack) -> None:
    stack.scale(SERVICE, 2)
    stack.wait_until_healthy(within_seconds=60)
    time.sleep(5)
    with load(stack) as steady:
        time.sleep(5)
        killed_at = time.monotonic()
        stack.containers(SERVICE)[0].kill()
        killed = time.monotonic()
        time.sleep(20)
    say(f"one of two killed: {steady.summary()}")
    assert [failure for failure in steady.failures if failure.sent > killed] == [], "none of those sent later"
    assert [failure for failure in steady.failures if failure.answered < killed_at] == []
    assert len(steady.failures) <= 2, "the others of the moment were sent to the replica that lives"
