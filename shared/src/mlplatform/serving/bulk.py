"""A lane of its own for long requests, so that short ones do not wait behind them."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

# A tenth of what the event loop may have, and enough to get on beside a busy one.
_STEPS_BACK = 10

Result = TypeVar("Result")


class BulkLane:
    """One thread, one long request at a time, and most of the processor to the event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "bulk", initializer=_step_back)

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of the work; work that nobody awaits any more is not begun."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Let go of the thread, once its work is done."""
        self._executor.shutdown(cancel_futures=True)


def _step_back() -> None:
    """Give this thread a lower priority, where threads have one of their own (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _STEPS_BACK)
