"""Keeps every process of the table running until told to stop."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from deploy.local.backoff import Backoff
from deploy.local.child import Child, describe
from deploy.local.guardian import Guardian
from deploy.local.output import Output
from deploy.local.processes import Process
from deploy.local.readiness import alive

_PROBE_EVERY_SECONDS = 0.2


class Supervisor:
    """Starts all processes at once, each as soon as those it comes after are ready, and starts again what dies."""

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        guardian: Guardian,
        output: Output,
        grace_seconds: float,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._processes = processes
        self._guardian = guardian
        self._output = output
        self._grace_seconds = grace_seconds
        self._backoff = backoff
        self._ready = {process.name: asyncio.Event() for process in processes}
        self._running: dict[str, Child] = {}
        self._started_at: dict[str, float] = {}

    @property
    def waiting_for(self) -> list[str]:
        """The processes that are not ready."""
        return [name for name, ready in self._ready.items() if not ready.is_set()]

    async def run(self) -> None:
        """Runs until cancelled, and then until the last process has ended."""
        async with asyncio.TaskGroup() as group:
            for process in self._processes:
                group.create_task(self._keep(process))

    async def all_ready(self) -> None:
        """Waits until every process has been ready."""
        for ready in self._ready.values():
            await ready.wait()

    def kill(self) -> None:
        """Ends everything at once: for whoever will not wait for the grace to pass."""
        for child in self._running.values():
            child.kill()

    async def _keep(self, process: Process) -> None:
        for name in process.after:
            await self._ready[name].wait()
        backoff = self._backoff()
        while True:
            status, lived_seconds = await self._one_life(process)
            if process.once and status == 0:
                self._mark_ready(process)
                return
            self._ready[process.name].clear()
            wait_seconds = backoff.after_death(lived_seconds=lived_seconds)
            self._output.say(f"{process.name} {describe(status)}: starting it again in {wait_seconds:g} s")
            await asyncio.sleep(wait_seconds)

    async def _one_life(self, process: Process) -> tuple[int, float]:
        self._started_at[process.name] = time.monotonic()
        child = await Child.start(process, guardian=self._guardian, output=self._output)
        self._running[process.name] = child
        probing = asyncio.create_task(self._until_ready(process))
        try:
            status = await child.wait(self._guardian)
        except asyncio.CancelledError:
            if process.stops_last:
                await self._users_gone()
            if not await child.stop(self._guardian, grace_seconds=self._grace_seconds):
                self._output.say(f"{process.name} did not stop within {self._grace_seconds:g} s: killed")
            raise
        finally:
            del self._running[process.name]
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing
        return status, child.lived_seconds

    async def _users_gone(self) -> None:
        last = {process.name for process in self._processes if process.stops_last}
        await asyncio.gather(*(child.ended() for name, child in self._running.items() if name not in last))

    async def _until_ready(self, process: Process) -> None:
        if process.once:
            return
        while not await process.probe():  # noqa: ASYNC110 # nothing tells us but asking
            await asyncio.sleep(_PROBE_EVERY_SECONDS)
        self._mark_ready(process)

    def _mark_ready(self, process: Process) -> None:
        self._ready[process.name].set()
        waiting = f"; waiting for {', '.join(self.waiting_for)}" if self.waiting_for else ""
        self._output.say(f"{process.name} {self._in_words(process)}{waiting}")

    def _in_words(self, process: Process) -> str:
        if not process.once and process.probe is alive:
            return "has started"
        seconds = time.monotonic() - self._started_at[process.name]
        return f"is {'done' if process.once else 'ready'} after {seconds:.1f} s"
