"""A lane of its own for long requests, so that short ones do not wait behind them."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread, get_native_id
from typing import Any, TypeVar

# A tenth of what the event loop may have, and enough to get on beside a busy one.
_STEPS_BACK = 10

Result = TypeVar("Result")
Work = tuple["asyncio.Future[Any]", Callable[[], object]]


class BulkLane:
    """One thread, one long request at a time, and most of the processor to the event loop.

    An executor would do; its two futures for each request, chained to each other, cost as much as reading a short one.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """The result of the work, to be awaited; work whose future is cancelled in time is not begun."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name="bulk", daemon=True)
            self._thread.start()
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put((future, work))
        return future

    def close(self) -> None:
        """Let go of the thread, once its work is done; what has not begun never will."""
        while not self._queue.empty():
            self._queue.get()
        if self._thread:
            self._queue.put(None)
            self._thread.join()

    def _serve(self) -> None:
        step_back()
        while job := self._queue.get():
            future, work = job
            if not future.cancelled():
                future.get_loop().call_soon_threadsafe(_settle, future, *_outcome(work))


def _outcome(work: Callable[[], object]) -> tuple[object, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 # whatever it is, it belongs to whoever awaits
        return None, error


def _settle(future: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def step_back() -> None:
    """Give this thread a lower priority, where threads have one of their own (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _STEPS_BACK)
