"""How many requests may be in flight."""

from collections.abc import Callable

from mlplatform.errors import Overloaded


class Admission:
    """Counts the requests of an endpoint; a server that knows of those still waiting for their turn counts better."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.answering = 0
        self.in_flight: Callable[[], int] = lambda: self.answering

    def is_full(self) -> bool:
        """Whether one more than those in flight would be too many."""
        return self.in_flight() >= self._limit

    def check(self) -> None:
        """Let the newest of those in flight in.

        Raises:
            Overloaded: with it, more are in flight than may be.
        """
        if self.in_flight() > self._limit:
            raise overloaded()


def overloaded() -> Overloaded:
    """What is said to a request that has to come again."""
    return Overloaded("too many requests are in flight; come again")
