"""One run of the session for all the rows that one turn of the event loop brought.

Nobody waits for more to come: what the sockets held when the loop looked is answered before it looks again. Under load
that is a row of each connection, and what a run costs beyond its trees is paid once; a row that comes alone is answered
alone, as fast as ever.
"""

import asyncio
from collections.abc import Callable, Sequence

from mlplatform.runtime.session import FEW
from mlplatform.serving.predict import Answer, Waiting

Send = Callable[[Answer], None]


class Turn:
    """The requests that wait for the end of the turn.

    Args:
        answer: makes the answers to at most `FEW` of them, in their order.
    """

    def __init__(self, answer: Callable[[Sequence[Waiting]], list[Answer]]) -> None:
        self._answer = answer
        self._waiting: list[Waiting] = []
        self._sends: list[Send] = []

    def add(self, waiting: Waiting, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        """Answer a request by the end of the turn."""
        if not self._waiting:
            loop.call_soon(self.end)
        self._waiting.append(waiting)
        self._sends.append(send)
        if len(self._waiting) == FEW:
            self.end()

    def end(self) -> None:
        """Answer those that wait now."""
        waiting, self._waiting = self._waiting, []
        sends, self._sends = self._sends, []
        for send, answer in zip(sends, self._answer(waiting), strict=True):
            send(answer)
