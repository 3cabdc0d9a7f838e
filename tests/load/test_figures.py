import pytest

from tests.load.figures import Load, cpu_ratio, medians, ratio, speed_ratio


def turn(speed: float, *, p99_us: float = 100, cpu_seconds: float = 0) -> Load:
    return Load(speed, 50, p99_us, requests=int(speed), errors=0, cpu_seconds=cpu_seconds)


def test_a_median_is_taken_of_each_figure_by_itself() -> None:
    load = medians([turn(1, p99_us=30), turn(2, p99_us=10), turn(9, p99_us=20)])
    assert (load.requests_per_second, load.p99_us, load.requests) == (2, 20, 12)


def test_a_ratio_pairs_the_turns_of_the_same_round() -> None:
    # In each round the one is twice as fast as the other, however slow the machine was just then.
    assert ratio([200, 20, 2], [100, 10, 1]) == 2


def test_a_ratio_of_different_numbers_of_rounds_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratio([1], [1, 2])


def test_speed_is_compared_by_the_clock_and_by_processor_time() -> None:
    # Half the speed, because a neighbour took half of the core.
    rounds = {"one": [turn(100, cpu_seconds=0.5)], "other": [turn(200, cpu_seconds=1.0)]}
    assert speed_ratio(rounds, "one", "other") == 0.5
    assert cpu_ratio(rounds, "one", "other") == 1


def test_without_processor_time_there_is_no_such_ratio() -> None:
    rounds = {"one": [turn(100, cpu_seconds=0.5)], "other": [turn(200)]}
    assert cpu_ratio(rounds, "one", "other") is None
