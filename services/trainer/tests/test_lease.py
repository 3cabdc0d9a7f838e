from pathlib import Path

from mlplatform.contracts import HOUSING
from tests.helpers.waiting import wait_until
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.jobs import JobStore
from trainer.lease import kept_alive


def test_a_job_gives_signs_of_life_only_while_it_is_worked_on(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    jobs = JobStore(engine)
    job = jobs.start(jobs.create(HOUSING, "new data").id, "training@one")
    assert job is not None
    with kept_alive(job, jobs, every_seconds=0.01):
        wait_until(lambda: jobs.get(job.id).seen_at > job.seen_at)
    last = jobs.get(job.id).seen_at
    assert jobs.get(job.id).seen_at == last
