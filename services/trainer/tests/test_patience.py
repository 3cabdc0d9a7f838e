from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlplatform.contracts import IRIS
from mlplatform.errors import RegistryUnavailable
from trainer.errors import RegistryRefused, TrainingTooLong
from trainer.in_memory_tracker import InMemoryTracker
from trainer.options import Effort
from trainer.patience import Patience, PatientTracker
from trainer.pipeline import Sources, train
from trainer.recipes import RECIPES
from trainer.recipes.base import Recipe
from trainer.tracker import Release


@dataclass
class Time:
    """Passes only while somebody sleeps."""

    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@dataclass
class Away:
    """A question that has no answer before a moment."""

    time: Time
    until: float
    asked: int = 0
    error: Exception = field(default_factory=lambda: RegistryUnavailable("connection refused"))

    def __call__(self) -> str:
        self.asked += 1
        if self.time.now < self.until:
            raise self.error
        return "an answer"


class LosingAnswers(InMemoryTracker):
    """Does what it is asked, and every second answer is lost."""

    calls = 0

    def start_run(self, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None) -> str:
        return self._lose(super().start_run(experiment, name, tags=tags, parent=parent))

    def register(self, release: Release) -> str:
        return self._lose(super().register(release))

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        super().end_run(run_id, succeeded=succeeded)
        self._lose("")

    def _lose(self, answer: str) -> str:
        self.calls += 1
        if self.calls % 2:
            raise RegistryUnavailable("connection reset")
        return answer


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def patience(time: Time) -> Patience:
    return Patience(time.sleep, time)


@pytest.mark.parametrize("seconds", [0, 1, 30, 55])
def test_a_registry_that_is_back_within_a_minute_answers(patience: Patience, time: Time, seconds: float) -> None:
    assert patience.ask(Away(time, until=seconds)) == "an answer"
    assert time.now <= seconds + 4


def test_after_a_minute_nobody_waits_any_more_and_the_reason_says_so(patience: Patience, time: Time) -> None:
    with pytest.raises(RegistryUnavailable, match=r"no answer for \d\d s: connection refused"):
        patience.ask(Away(time, until=3_600))
    assert 55 < time.now <= 60


def test_nothing_is_asked_again_after_the_end_of_a_training(time: Time) -> None:
    def check() -> None:
        if time.now >= 2:
            raise TrainingTooLong("enough")

    away = Away(time, until=3_600)
    with pytest.raises(TrainingTooLong):
        Patience(time.sleep, time, check).ask(away)
    assert time.now < 5


def test_a_refusal_is_an_answer(patience: Patience, time: Time) -> None:
    refusing = Away(time, until=3_600, error=RegistryRefused("permission denied"))
    with pytest.raises(RegistryRefused):
        patience.ask(refusing)
    assert (refusing.asked, time.now) == (1, 0)


def test_a_training_whose_answers_are_lost_makes_one_version(
    patience: Patience, time: Time, data_dir: Path, tmp_path: Path
) -> None:
    tracker = LosingAnswers()
    trained = train(
        one_candidate(),
        sources=Sources(data_dir=data_dir, processed_dir=tmp_path),
        tracker=PatientTracker(tracker, patience),
        progress=lambda _stage, _percent: None,
        reason="a test",
    )
    assert trained.version == "1"
    assert [release.run_id for release in tracker.releases] == [trained.run_id]
    assert tracker.runs[trained.run_id].succeeded
    assert time.now > 0


def one_candidate() -> Recipe:
    return RECIPES[IRIS.model].with_effort(Effort.QUICK)


def test_whoever_has_to_stop_does_not_wait_for_its_run_to_be_closed(patience: Patience, time: Time) -> None:
    tracker = LosingAnswers()
    run_id = tracker_run(tracker)
    with pytest.raises(RegistryUnavailable):
        PatientTracker(tracker, patience).end_run(run_id, succeeded=False)
    assert time.now == 0


def tracker_run(tracker: LosingAnswers) -> str:
    """A run, and the next answer will be lost."""
    with suppress(RegistryUnavailable):
        tracker.start_run("iris", "training", tags={})
    tracker.calls = 0
    [run_id] = tracker.runs
    return run_id
