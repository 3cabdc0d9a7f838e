"""How many requests may be in flight, and how refusals are kept cheap."""

import asyncio
import time
from collections.abc import Callable

from mlplatform.errors import Overloaded

_BREATH_SECONDS = 0.0015


class Admission:
    """Counts the requests of an endpoint from their arrival until they are answered."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    def is_full(self) -> bool:
        """Whether one more than those in flight would be too many."""
        return self.in_flight >= self._limit

    def check(self) -> None:
        """Let the newest of those in flight in.

        Raises:
            Overloaded: with it, more are in flight than may be.
        """
        if self.in_flight > self._limit:
            raise overloaded()


class Breather:
    """Keeps the event loop from its sockets for a moment after a refusal: what comes meanwhile is refused together.

    While a crowd asks again and again, every look at the sockets takes the core and the interpreter from the request
    that is being computed, and gives both back for a few microseconds' work: refusals one by one cost a quarter of all
    answers. A network card spares the processor its interrupts in the same way.
    """

    def __init__(self, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._is_due = False

    def take(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pause at the end of this turn of the loop."""
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._breathe)

    def _breathe(self) -> None:
        self._is_due = False
        self._pause(_BREATH_SECONDS)


def overloaded() -> Overloaded:
    """What is said to a request that has to come again."""
    return Overloaded("too many requests are in flight; come again")
