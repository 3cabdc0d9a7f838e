import pytest
from celery.exceptions import SoftTimeLimitExceeded

from trainer.errors import TrainingTooLong
from trainer.tasks import told_of_the_limit


def test_a_training_that_reaches_its_limit_is_told_in_words() -> None:
    with pytest.raises(TrainingTooLong, match="longer than its limit of 90 s"), told_of_the_limit(90):
        raise SoftTimeLimitExceeded


def test_what_ends_a_training_otherwise_is_not_renamed() -> None:
    with pytest.raises(ZeroDivisionError), told_of_the_limit(90):
        raise ZeroDivisionError
