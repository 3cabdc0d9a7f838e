import pytest

from mlplatform.telemetry.throttle import Throttle


class Clock:
    """Shows what it is told."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(2, 60.0, clock)


def test_few_of_a_kind_are_admitted_and_the_others_are_not(throttle: Throttle) -> None:
    assert [throttle.admit("shed") for _ in range(4)] == [0, 0, None, None]


def test_the_first_of_a_new_while_tells_how_many_were_left_out(throttle: Throttle, clock: Clock) -> None:
    for _ in range(5):
        throttle.admit("shed")
    clock.time += 59.9
    assert throttle.admit("shed") is None
    clock.time += 0.1
    assert [throttle.admit("shed") for _ in range(3)] == [4, 0, None]


def test_kinds_are_counted_apart(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.admit("shed")
    assert throttle.admit("malformed") == 0
