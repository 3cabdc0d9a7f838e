"""Waiting for a condition, with a deadline."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], *, within_seconds: float = 20, what: str = "the condition", every: float = 0.02
) -> None:
    """Returns as soon as the condition holds, which is looked at every so many seconds.

    Raises:
        TimeoutError: it did not in time.
    """
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_seconds} s")
        time.sleep(every)
