"""How a job enters the platform, whoever asks for it."""

import structlog

from mlplatform.contracts import Contract
from mlplatform.telemetry import trace_context
from trainer.errors import BrokerUnavailable, KeyReused, TrainingInProgress
from trainer.jobs import Job, JobStore
from trainer.options import DEFAULT, Options
from trainer.tasks import Queue

_log = structlog.get_logger(__name__)


def submit(
    contract: Contract,
    reason: str,
    jobs: JobStore,
    queue: Queue,
    key: str | None = None,
    options: Options = DEFAULT,
) -> Job:
    """Write the row, then publish its id; the same key gives the same job again.

    What is written is accepted: upkeep publishes it once the broker is back, if it is away now.

    Raises:
        TrainingInProgress: the model has an active job.
        KeyReused: the key belongs to another request.
    """
    known = _known(contract, reason, jobs, key, options)
    if known:
        return known
    try:
        job = jobs.create(contract, reason, key, options, trace_context.current.get())
    except TrainingInProgress:
        twin = _known(contract, reason, jobs, key, options)  # the same request, at the same moment
        if twin:
            return twin
        raise
    try:
        queue.publish(job.id, job.traceparent)
    except BrokerUnavailable as error:
        _log.warning("the job is handed over later", job=job.id, model=job.model, reason=str(error))
    return job


def _known(contract: Contract, reason: str, jobs: JobStore, key: str | None, options: Options) -> Job | None:
    job = jobs.of_key(key) if key else None
    if job and (job.model, job.reason, job.options) != (contract.model, reason, options):
        raise KeyReused(f"the key belongs to another request, which made job {job.id}")
    return job
