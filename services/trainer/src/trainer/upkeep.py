"""What beat asks for every few seconds: no job is lost, no model stays without a champion."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Protocol

import structlog

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.errors import RegistryUnavailable
from trainer.errors import BrokerUnavailable, DatabaseUnavailable, RegistryRefused, TrainingInProgress
from trainer.jobs import Job, JobStore, State
from trainer.periods import Periods
from trainer.submission import submit
from trainer.tasks import KEEP_UP, Queue

FIRST_START = "first start: the registry has no champion"

WHOLE_ROUND = "upkeep: whole round"
"""What is noted when all of a round was done; the figures tell when that last was."""

_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=1)
_REMEMBERED = 20
_WITHOUT_CHAMPION = {State.FAILED, State.REJECTED, State.CANCELLED}

_log = structlog.get_logger(__name__)


class Champions(Protocol):
    """Who serves, and what trainings have left behind."""

    def champion(self, contract: Contract) -> str | None:
        """The version that serves, if any.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        ...

    def has(self, contract: Contract, version: str) -> bool:
        """Whether the registry has a version.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        ...

    def abandon_runs(self, contract: Contract) -> list[str]:
        """End the runs of trainings that are gone; returns their ids.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        ...

    def tend_ramps(self) -> None:
        """Let each challenger's share grow or be taken back, as is due; never fails."""
        ...

    def settle_all(self) -> list[str]:
        """Make the registry's aliases say what the history says; returns the models of which they do.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        ...


def settled(model: str) -> str:
    """What is noted when the registry says of a model what the history says."""
    return f"upkeep: {model} settled"


def keep_up(period: int, jobs: JobStore, champions: Champions, queue: Queue, periods: Periods) -> None:
    """The round of a period, if there has been none. What cannot be done now is done in a later one."""
    try:
        if not periods.take(KEEP_UP, period):
            return
        revive(jobs, queue)
        for model in champions.settle_all():
            periods.note(settled(model), period)
        champions.tend_ramps()
        end_abandoned_runs(jobs, champions)
        train_missing(jobs, champions, queue)
        periods.note(WHOLE_ROUND, period)
    except (RegistryUnavailable, RegistryRefused, DatabaseUnavailable, BrokerUnavailable) as error:
        _log.warning("upkeep is put off", reason=str(error))


def revive(jobs: JobStore, queue: Queue) -> list[Job]:
    """Publish again the jobs whose message or worker was lost; one that waits behind others is left alone."""
    abandoned = jobs.abandoned()
    waiting = queue.waiting() if abandoned else set()
    revived = []
    for job in abandoned:
        if job.state is State.QUEUED and job.id in waiting:
            continue
        if jobs.requeue(job):
            _log.warning("job was abandoned and is published again", job=job.id, model=job.model, attempts=job.attempts)
            queue.publish(job.id, job.traceparent)
            revived.append(job)
    return revived


def end_abandoned_runs(jobs: JobStore, champions: Champions) -> None:
    """A worker that was killed ends no run: those of a model that nobody trains are over."""
    for contract in CONTRACTS.values():
        if jobs.active(contract) is None:
            ended = champions.abandon_runs(contract)
            if ended:
                _log.warning("runs of trainings that are gone are ended", model=contract.model, runs=ended)


def train_missing(jobs: JobStore, champions: Champions, queue: Queue) -> list[Job]:
    """Ask for a training of every model that has no champion, as a client would; ever less often while it fails."""
    created = []
    for contract in CONTRACTS.values():
        if champions.champion(contract) or jobs.active(contract) or not _is_due(jobs, champions, contract):
            continue
        try:
            job = submit(contract, FIRST_START, jobs, queue)
        except TrainingInProgress:
            continue
        _log.info("no champion yet: training begins by itself", model=contract.model, job=job.id)
        created.append(job)
    return created


def _is_due(jobs: JobStore, champions: Champions, contract: Contract) -> bool:
    latest = jobs.newest(_REMEMBERED, contract.model)
    if latest and latest[0].state is State.HELD and latest[0].version and champions.has(contract, latest[0].version):
        return False  # it waits for somebody's decision, and another would take its place
    failed = [*takewhile(lambda job: job.state in _WITHOUT_CHAMPION, latest)]
    if not failed or failed[0].finished_at is None:
        return True
    wait = min(_FIRST_WAIT * 2 ** (len(failed) - 1), _LONGEST_WAIT)
    due: datetime = failed[0].finished_at + wait
    return datetime.now(UTC) >= due
