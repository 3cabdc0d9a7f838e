"""From the start of the stack to the signal that ends it."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from deploy.local.output import Output
from deploy.local.supervisor import Supervisor

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_until_stopped(
    supervisor: Supervisor, *, announce: Callable[[], Coroutine[Any, Any, None]], output: Output
) -> None:
    """Runs the stack until a signal asks it to stop; a second one does not wait for the processes to end well.

    Args:
        supervisor: starts the processes and stops them.
        announce: tells a person how far the stack is, from its start on.
        output: where to say that everything is being stopped.
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        else:
            output.say("stopping everything; once more to kill it")
            stop.set()

    for signum in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, on_signal)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(supervisor.run()), group.create_task(announce())]
        await stop.wait()
        for task in tasks:
            task.cancel()
