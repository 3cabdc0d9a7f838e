"""How long to wait before the next start."""

from deploy.local.backoff import Backoff


def test_each_early_death_doubles_the_wait_up_to_half_a_minute() -> None:
    backoff = Backoff()

    waits = [backoff.after_death(lived_seconds=1) for _ in range(9)]

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_long_life_starts_over() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after_death(lived_seconds=1)

    assert backoff.after_death(lived_seconds=61) == 0.5
