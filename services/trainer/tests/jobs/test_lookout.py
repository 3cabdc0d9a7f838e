import asyncio
from collections.abc import Mapping

import anyio.lowlevel
import pytest
from sqlalchemy import Engine

from mlplatform.contracts import HOUSING, IRIS
from trainer.errors import DatabaseUnavailable
from trainer.jobs import Job, JobEvent, JobStore, Lookout

pytestmark = pytest.mark.anyio


class Asked(JobStore):
    """Remembers what it was asked for. `is_up = False` takes it away."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.looks: list[Mapping[str, int]] = []
        self.is_up = True

    def news(self, after: Mapping[str, int]) -> dict[str, tuple[Job, list[JobEvent]]]:
        self.looks.append(after)
        if not self.is_up:
            raise DatabaseUnavailable("the database does not answer")
        return super().news(after)


@pytest.fixture
def jobs(engine: Engine) -> Asked:
    return Asked(engine)


@pytest.fixture
def lookout(jobs: Asked) -> Lookout:
    return Lookout(jobs, 0.01)


async def told(lookout: Lookout, job: Job, seen: int = 0) -> list[str]:
    """The states that a listener hears of, up to the end."""
    states: list[str] = []
    with lookout.listen(job.id, seen) as listener:
        while job.state.is_active:
            job, events = await listener.news()
            states += [event.state for event in events]
    return states


async def test_all_who_listen_are_told_by_the_same_looks(jobs: Asked, lookout: Lookout) -> None:
    housing, iris = jobs.create(HOUSING, "new data"), jobs.create(IRIS, "new data")
    listening = [asyncio.create_task(told(lookout, job)) for job in (housing, iris) for _ in range(20)]
    async with asyncio.timeout(20):
        while not jobs.looks:
            await anyio.lowlevel.checkpoint()
        jobs.cancel(housing.id)
        jobs.cancel(iris.id)
        heard = await asyncio.gather(*listening)
    assert heard == [["queued", "cancelled"]] * 40
    assert jobs.looks[0] == {housing.id: 0, iris.id: 0}
    assert not lookout.is_looking


async def test_each_is_told_what_follows_the_last_that_it_saw(jobs: Asked, lookout: Lookout) -> None:
    job = jobs.create(IRIS, "new data")
    (queued,) = jobs.events(job.id)
    jobs.cancel(job.id)
    async with asyncio.timeout(20):
        heard = tuple(await asyncio.gather(told(lookout, job), told(lookout, job, queued.sequence)))
    assert heard == (["queued", "cancelled"], ["cancelled"])


async def test_nobody_is_asked_once_the_last_listener_has_gone(jobs: Asked, lookout: Lookout) -> None:
    job = jobs.create(IRIS, "new data")
    listening = [asyncio.create_task(told(lookout, job, 10)) for _ in range(2)]
    async with asyncio.timeout(20):
        while not jobs.looks:
            await anyio.lowlevel.checkpoint()
    listening[0].cancel()
    await asyncio.gather(listening[0], return_exceptions=True)
    assert lookout.is_looking
    listening[1].cancel()
    await asyncio.gather(listening[1], return_exceptions=True)
    assert not lookout.is_looking


async def test_a_database_that_is_away_ends_the_listening_and_the_next_begins_anew(
    jobs: Asked, lookout: Lookout
) -> None:
    job = jobs.create(IRIS, "new data")
    jobs.is_up = False
    async with asyncio.timeout(20):
        heard = await asyncio.gather(told(lookout, job), told(lookout, job), return_exceptions=True)
        assert [type(error) for error in heard] == [DatabaseUnavailable] * 2
        assert not lookout.is_looking
        jobs.is_up = True
        jobs.cancel(job.id)
        assert await told(lookout, job) == ["queued", "cancelled"]
