import pytest
from celery.exceptions import SoftTimeLimitExceeded

from trainer.deadline import Deadline
from trainer.errors import TrainingTooLong


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_training_that_reaches_its_limit_is_told_in_words() -> None:
    with pytest.raises(TrainingTooLong, match="longer than its limit of 90 s"), Deadline(90).told():
        raise SoftTimeLimitExceeded


def test_what_ends_a_training_otherwise_is_not_renamed() -> None:
    with pytest.raises(ZeroDivisionError), Deadline(90).told():
        raise ZeroDivisionError


def test_a_training_whose_interruption_was_swallowed_ends_at_its_next_stage() -> None:
    clock = Clock()
    told: list[str] = []
    progress = Deadline(90, clock).checked(lambda stage, _percent: told.append(stage))
    clock.now = 89.9
    progress("split", 2)
    clock.now = 90
    with pytest.raises(TrainingTooLong, match="90 s"):
        progress("refit", 75)
    assert told == ["split"]
