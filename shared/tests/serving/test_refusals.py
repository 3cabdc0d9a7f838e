from weakref import ref

import pytest

from mlplatform.errors import GoldenMismatch
from mlplatform.serving.refusals import Refusals


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_refused_version_is_left_alone_for_longer_each_time() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    pauses: list[float] = []
    for _ in range(9):
        refusals.note("2", GoldenMismatch("row 3"))
        pause = refusals.told()["2"]["again_in_seconds"]
        assert isinstance(pause, float)
        pauses.append(pause)
        with pytest.raises(GoldenMismatch, match="row 3"):
            refusals.check("2")
        clock.time += 3600 * 1.2 + 1
        refusals.check("2")
    assert 48 <= pauses[0] <= 72
    assert 96 <= pauses[1] <= 144
    assert 2880 <= pauses[-1] <= 4320


def test_nothing_of_a_refused_version_is_kept_and_no_traceback_grows() -> None:
    refusals, error = Refusals(), GoldenMismatch("row 3")
    kept = ref(error)
    refusals.note("2", error)
    del error
    assert kept() is None
    with pytest.raises(GoldenMismatch) as first:
        refusals.check("2")
    with pytest.raises(GoldenMismatch) as second:
        refusals.check("2")
    assert first.value is not second.value


def test_what_proved_good_is_forgotten() -> None:
    refusals = Refusals()
    refusals.note("2", GoldenMismatch("row 3"))
    refusals.forget("2")
    refusals.check("2")
    assert len(refusals) == 0


def test_only_so_many_are_remembered() -> None:
    refusals = Refusals()
    for version in range(500):
        refusals.note(str(version), GoldenMismatch("row 3"))
    assert len(refusals) == 100
    assert "499" in refusals.told()
