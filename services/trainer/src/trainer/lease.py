"""A job's signs of life while a worker is at it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from trainer.errors import DatabaseUnavailable
from trainer.jobs import LEASE, Job, JobStore


@contextmanager
def kept_alive(job: Job, jobs: JobStore, every_seconds: float = LEASE.total_seconds() / 6) -> Iterator[None]:
    """Extend the lease of a job from a thread of its own, for as long as the block runs."""
    over = Event()

    def keep() -> None:
        while not over.wait(every_seconds):
            with suppress(DatabaseUnavailable):  # the lease outlives a few missed signs
                jobs.sign_of_life(job)

    thread = Thread(target=keep, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
