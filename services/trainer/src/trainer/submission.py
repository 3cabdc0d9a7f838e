"""How a job enters the platform, whoever asks for it."""

from mlplatform.contracts import Contract
from trainer.errors import BrokerUnavailable
from trainer.jobs import Job, JobStore
from trainer.tasks import Queue


def submit(contract: Contract, reason: str, jobs: JobStore, queue: Queue) -> Job:
    """Write the row, then publish its id.

    Raises:
        TrainingInProgress: the model has an active job.
        BrokerUnavailable: the job ended at once as failed, and can be asked for again.
    """
    job = jobs.create(contract, reason)
    try:
        queue.publish(job.id)
    except BrokerUnavailable as error:
        jobs.fail(job, str(error))
        raise
    return job
