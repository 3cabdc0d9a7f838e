"""Keeps a flood of like events from filling a log."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

_MOST = 10
_SECONDS = 60.0


class _Window:
    """A while that began with an event of a kind."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.told = 0
        self.untold = 0


class Throttle:
    """Lets few events of a kind through in a while, and counts the others.

    Args:
        most: so many of a kind in that while.
        seconds: how long it is.
        now: a clock in seconds.
    """

    def __init__(self, most: int = _MOST, seconds: float = _SECONDS, now: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._now = now
        self._windows: dict[str, _Window] = {}
        self._lock = Lock()  # the event loop and the threads beside it tell

    def admit(self, kind: str) -> int | None:
        """How many were left out before this one, if it is to be told; none if it is not. Kinds must be few."""
        with self._lock:
            now = self._now()
            window = self._windows.get(kind)
            if window is None:
                window = self._windows[kind] = _Window(now)
            elif now - window.began >= self._seconds:
                window.began, window.told = now, 0
            if window.told == self._most:
                window.untold += 1
                return None
            window.told += 1
            untold, window.untold = window.untold, 0
            return untold
