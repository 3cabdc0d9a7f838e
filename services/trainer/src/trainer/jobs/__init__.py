"""Jobs: what a client asked for and polls. The rows are the truth; the broker only carries ids."""

from trainer.jobs.job import LEASE, MAX_ATTEMPTS, WAITING, Attempt, Job, JobEvent, State
from trainer.jobs.lookout import Lookout
from trainer.jobs.store import JobStore

__all__ = ["LEASE", "MAX_ATTEMPTS", "WAITING", "Attempt", "Job", "JobEvent", "JobStore", "Lookout", "State"]
