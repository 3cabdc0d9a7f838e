"""The moment at which a training has to be over.

Celery's soft limit interrupts whatever a task is at, once; a library that takes the interruption for an error of its
own leaves nothing of it. So somebody looks at the clock, too, wherever a training goes on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery.exceptions import SoftTimeLimitExceeded

from trainer.candidates import Progress
from trainer.errors import TrainingTooLong


class Deadline:
    """So many seconds from now; `clock` tells them."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Go on.

        Raises:
            TrainingTooLong: no more.
        """
        if self._clock() >= self._end:
            raise TrainingTooLong(self._told())

    def checked(self, progress: Progress) -> Progress:
        """The same progress, which ends at the deadline."""

        def tell(stage: str, percent: int) -> None:
            self.check()
            progress(stage, percent)

        return tell

    @contextmanager
    def told(self) -> Iterator[None]:
        """Give Celery's soft limit a name of our own.

        Raises:
            TrainingTooLong: it was reached in the block.
        """
        try:
            yield
        except SoftTimeLimitExceeded as error:
            raise TrainingTooLong(self._told()) from error

    def _told(self) -> str:
        return f"the training took longer than its limit of {self._seconds:g} s"
