"""When to try again what has failed: after twice as long each time, give or take, up to a bound."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class Pause:
    """After so many failures in a row, and until when."""

    attempts: int
    again: float


class Backoff:
    """Pauses between a first and a longest number of seconds."""

    def __init__(self, first_seconds: float, longest_seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._now = now

    def after(self, before: Pause | None) -> Pause:
        """The pause that begins with a failure now; `before` is the one after the failure before it."""
        attempts = before.attempts + 1 if before else 1
        seconds = min(self._first_seconds * 2 ** (attempts - 1), self._longest_seconds)
        return Pause(attempts, self._now() + seconds * random.uniform(0.8, 1.2))  # noqa: S311 # jitter, no secret

    def left(self, pause: Pause | None) -> float:
        """Seconds until it is over; 0 of one that is, or of none."""
        return max(0.0, pause.again - self._now()) if pause else 0.0
