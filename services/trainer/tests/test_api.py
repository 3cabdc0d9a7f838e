from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from trainer.api import create_app
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.testing import InMemoryModels, InMemoryQueue

pytestmark = pytest.mark.anyio


def client_of(jobs: JobStore, queue: InMemoryQueue) -> httpx.AsyncClient:
    models = InMemoryModels()
    app = create_app(jobs, queue, models, Ledger(jobs._engine, models))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trainer")


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return JobStore(engine)


@pytest.fixture
def queue() -> InMemoryQueue:
    return InMemoryQueue()


@pytest.fixture
async def api(jobs: JobStore, queue: InMemoryQueue) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(jobs, queue) as client:
        yield client


async def test_a_retraining_is_accepted_and_handed_to_the_worker(api: httpx.AsyncClient, queue: InMemoryQueue) -> None:
    response = await api.post("/retrain", json={"model": "housing", "reason": "new data"})
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/retrain/{job['id']}"
    assert queue.published == [job["id"]]
    assert (await api.get(response.headers["location"])).json() == job


async def test_an_unknown_model_is_not_found_and_those_that_exist_are_told(api: httpx.AsyncClient) -> None:
    response = await api.post("/retrain", json={"model": "wine"})
    assert response.status_code == 404
    assert "housing, iris" in response.json()["detail"]


async def test_a_second_retraining_of_a_model_is_a_conflict_that_names_the_first(api: httpx.AsyncClient) -> None:
    first = (await api.post("/retrain", json={"model": "iris"})).json()["id"]
    response = await api.post("/retrain", json={"model": "iris"})
    assert response.status_code == 409
    assert first in response.json()["detail"]


async def test_with_the_broker_away_nothing_is_accepted_and_the_model_is_free_again(
    api: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    queue.is_up = False
    response = await api.post("/retrain", json={"model": "iris"})
    assert response.status_code == 503
    assert response.headers["retry-after"]
    queue.is_up = True
    assert (await api.post("/retrain", json={"model": "iris"})).status_code == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("{}", 422), ('{"model": 3}', 422), ('{"model": "iris", "force": true}', 422), ("[]", 422)],
)
async def test_a_bad_request_is_a_problem_document(api: httpx.AsyncClient, body: str, status: int) -> None:
    response = await api.post("/retrain", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_unknown_job_is_not_found(api: httpx.AsyncClient) -> None:
    assert (await api.get("/retrain/nobody")).status_code == 404


async def test_the_latest_jobs_are_listed(api: httpx.AsyncClient) -> None:
    ids = [(await api.post("/retrain", json={"model": model})).json()["id"] for model in ("housing", "iris")]
    assert [job["id"] for job in (await api.get("/retrain")).json()["jobs"]] == ids[::-1]


async def test_jobs_are_counted_in_the_metrics(api: httpx.AsyncClient) -> None:
    await api.post("/retrain", json={"model": "iris"})
    assert 'mlplatform_jobs{model="iris",state="queued"} 1.0' in (await api.get("/metrics")).text


async def test_the_trainer_is_ready_when_its_database_answers(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).json() == {"status": "ready", "service": "trainer"}


async def test_the_trainer_without_its_database_says_so(queue: InMemoryQueue, tmp_path: Path) -> None:
    async with client_of(JobStore(connect(f"sqlite:///{tmp_path}/empty.db")), queue) as api:
        response = await api.get("/health/ready")
    assert response.status_code == 503
    assert "database" in response.json()["reason"]
