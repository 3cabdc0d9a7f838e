"""Patience: a registry that is away for a moment fails no training, it is asked again."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from mlplatform.errors import RegistryUnavailable
from trainer.tracker import Release, Tracker

_LONGEST_SECONDS = 60.0  # a registry that was killed is back in less, and no job ends much later for it
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 4.0

Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)


def _for_ever() -> None:
    """There is no end to asking."""


class Patience:
    """Asks until there is an answer, each time for a minute at most.

    An answer may be lost after the deed, so what is asked must be harmless when it is done twice.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        check: Callable[[], None] = _for_ever,
    ) -> None:
        """Where `check` raises, nothing is asked again."""
        self._sleep = sleep
        self._clock = clock
        self._check = check

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer.

        Raises:
            RegistryUnavailable: there was none in all that time; the message says in how much.
        """
        began, pause = self._clock(), _FIRST_PAUSE_SECONDS
        while True:
            try:
                return question()
            except RegistryUnavailable as error:
                self._check()
                waited = self._clock() - began
                if waited + pause > _LONGEST_SECONDS:
                    raise RegistryUnavailable(f"no answer for {waited:.0f} s: {error}") from error
                _log.warning("the registry is asked again", reason=str(error), in_seconds=pause)
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


class PatientTracker:
    """A `Tracker` that asks another one with patience."""

    def __init__(self, tracker: Tracker, patience: Patience) -> None:
        self._tracker = tracker
        self._ask = patience.ask

    def start_run(self, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None) -> str:
        # One whose id was lost with the answer stays open until upkeep ends it.
        return self._ask(lambda: self._tracker.start_run(experiment, name, tags=tags, parent=parent))

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        self._ask(lambda: self._tracker.log_params(run_id, params))

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        self._ask(lambda: self._tracker.log_metrics(run_id, metrics))

    def log_series(self, run_id: str, name: str, values: Sequence[float]) -> None:
        self._ask(lambda: self._tracker.log_series(run_id, name, values))

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._ask(lambda: self._tracker.set_tags(run_id, tags))

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        if succeeded:
            self._ask(lambda: self._tracker.end_run(run_id, succeeded=True))
        else:  # asked once: whoever fails or has to stop waits for nobody, and upkeep ends what stays open
            self._tracker.end_run(run_id, succeeded=False)

    def register(self, release: Release) -> str:
        return self._ask(lambda: self._tracker.register(release))
