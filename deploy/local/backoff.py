"""How long to wait before a process that died is started again."""

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_LIVED_SECONDS = 60.0


class Backoff:
    """Twice as long after each death, until one has lived a while."""

    def __init__(self, *, first_seconds: float = _FIRST_SECONDS, lived_seconds: float = _LIVED_SECONDS) -> None:
        self._first_seconds = first_seconds
        self._lived_seconds = lived_seconds
        self._next_seconds = first_seconds

    def after_death(self, *, lived_seconds: float) -> float:
        """The seconds to wait now that a process has died."""
        if lived_seconds >= self._lived_seconds:
            self._next_seconds = self._first_seconds
        wait_seconds = self._next_seconds
        self._next_seconds = min(2 * wait_seconds, _LONGEST_SECONDS)
        return wait_seconds
