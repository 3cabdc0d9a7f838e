from collections import Counter

import pytest

from mlplatform.runtime import Split
from mlplatform.runtime.split import BUCKETS, bucket

SUBJECTS = [f"subject-{number}".encode() for number in range(100_000)]


def test_subjects_are_spread_evenly() -> None:
    """Chi-square over 100 groups of buckets: above 148 in one of a thousand."""
    groups = Counter(bucket(b"salt", subject) * 100 // BUCKETS for subject in SUBJECTS)
    expected = len(SUBJECTS) / 100
    assert sum((groups[group] - expected) ** 2 / expected for group in range(100)) < 148


@pytest.mark.parametrize("percent", [1, 5, 10, 50])
def test_the_challenger_gets_its_share(percent: int) -> None:
    """Chi-square of two cells: above 10.8 in one of a thousand."""
    split = Split(b"salt", percent * 100)
    taken = sum(map(split.takes, SUBJECTS))
    expected = len(SUBJECTS) * percent / 100
    left = len(SUBJECTS) - expected
    assert (taken - expected) ** 2 / expected + (taken - expected) ** 2 / left < 10.8


def test_a_greater_share_takes_no_subject_back() -> None:
    before: set[bytes] = set()
    for percent in (5, 10, 50, 100):
        taken = set(filter(Split(b"salt", percent * 100).takes, SUBJECTS))
        assert before < taken
        before = taken
    assert len(before) == len(SUBJECTS)


def test_another_salt_assigns_anew() -> None:
    one, other = Split(b"one", 5_000), Split(b"other", 5_000)
    both = sum(one.takes(subject) and other.takes(subject) for subject in SUBJECTS)
    assert 0.24 < both / len(SUBJECTS) < 0.26


def test_the_bucket_of_a_subject_is_the_same_everywhere_and_for_ever() -> None:
    assert [bucket(b"salt", subject) for subject in (b"ann", b"bob", b"")] == [5_878, 2_330, 7_643]


def test_when_its_time_is_over_nobody_is_the_challengers() -> None:
    split = Split(b"salt", BUCKETS, until=1_000.0, now=lambda: 1_000.0)
    assert not any(map(split.takes, SUBJECTS[:100]))
