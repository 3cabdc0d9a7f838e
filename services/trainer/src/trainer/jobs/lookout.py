"""Looks at jobs for all who listen to them, in one look."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from trainer.jobs.job import Job, JobEvent
from trainer.jobs.store import JobStore

_LOOK_SECONDS = 0.5


class News(NamedTuple):
    """A job, and what has happened since a listener last heard of it."""

    job: Job
    events: list[JobEvent]


@dataclass(eq=False)
class _Listener:
    job_id: str
    seen: int
    heard: "asyncio.Queue[News | Exception]" = field(default_factory=asyncio.Queue)
    is_over: bool = False

    async def news(self) -> News:
        """The next that there is.

        Raises:
            DatabaseUnavailable: nobody can say; so with whatever else a look failed of.
        """
        said = await self.heard.get()
        if isinstance(said, Exception):
            raise said.with_traceback(None)  # others raise it, too
        return said

    def tell(self, job: Job, events: list[JobEvent]) -> None:
        fresh = [event for event in events if event.sequence > self.seen]
        if fresh:
            self.seen = fresh[-1].sequence
        if fresh or not (job.state.is_active or self.is_over):
            self.heard.put_nowait(News(job, fresh))
        self.is_over = not job.state.is_active


class Lookout:
    """However many listen, the database is asked once at a time, and not at all when nobody does."""

    def __init__(self, jobs: JobStore, look_seconds: float = _LOOK_SECONDS) -> None:
        self._jobs = jobs
        self._look_seconds = look_seconds
        self._listeners: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def listen(self, job_id: str, seen: int) -> Iterator[_Listener]:
        """Hear of a job what follows an event, as long as the block lasts."""
        listener = _Listener(job_id, seen)
        self._listeners.add(listener)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_out())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self.close()

    @property
    def is_looking(self) -> bool:
        """Whether the database is being asked."""
        return self._looking is not None

    def close(self) -> None:
        """Look no more."""
        if self._looking:
            self._looking.cancel()
        self._looking = None

    async def _look_out(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            asking = list(self._listeners)
            after: dict[str, int] = {}
            for listener in asking:
                after[listener.job_id] = min(listener.seen, after.get(listener.job_id, listener.seen))
            try:
                found = await asyncio.to_thread(self._jobs.news, after)
            except Exception as error:  # noqa: BLE001 # whoever listens is told, and the next look may find out more
                for listener in asking:
                    listener.heard.put_nowait(error)
                continue
            for listener in asking:
                if listener.job_id in found:
                    listener.tell(*found[listener.job_id])
