import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Select

from mlplatform.contracts import IRIS
from mlplatform.telemetry.registry import RegistryMetrics
from trainer.api import create_app, metrics_of
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.figures import Figures
from trainer.jobs import Job, JobEvent, JobStore, Lookout
from trainer.options import Effort, Options
from trainer.promotions.ledger import Ledger
from trainer.routes.retraining import retraining_routes
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas

pytestmark = pytest.mark.anyio


def client_of(jobs: JobStore, queue: InMemoryQueue) -> httpx.AsyncClient:
    models = InMemoryModels()
    metrics = metrics_of(Figures(jobs._engine), RegistryMetrics())
    app = create_app(jobs, queue, models, Ledger(jobs._engine, models), InMemoryReplicas(), metrics)
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
    assert (await api.get(response.headers["location"])).json() == {**job, "attempt_history": []}


async def test_an_unknown_model_is_not_found_and_those_that_exist_are_told(api: httpx.AsyncClient) -> None:
    response = await api.post("/retrain", json={"model": "wine"})
    assert response.status_code == 404
    assert "housing, iris" in response.json()["detail"]


async def test_a_second_retraining_of_a_model_is_a_conflict_that_names_the_first(api: httpx.AsyncClient) -> None:
    first = (await api.post("/retrain", json={"model": "iris"})).json()["id"]
    response = await api.post("/retrain", json={"model": "iris"})
    assert response.status_code == 409
    assert first in response.json()["detail"]


async def test_with_the_broker_away_a_job_is_accepted_and_waits(api: httpx.AsyncClient, queue: InMemoryQueue) -> None:
    queue.is_up = False
    response = await api.post("/retrain", json={"model": "iris"})
    assert (response.status_code, response.json()["state"]) == (202, "queued")
    assert (await api.get(response.headers["location"])).json()["stage"] == "waiting for the worker"
    assert queue.published == []


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


async def test_metrics_are_answered_with_the_database_away(queue: InMemoryQueue, tmp_path: Path) -> None:
    async with client_of(JobStore(connect(f"sqlite:///{tmp_path}/nowhere/trainer.db")), queue) as api:
        metrics = await api.get("/metrics")
    assert metrics.status_code == 200
    assert "mlplatform_database_reachable 0.0" in metrics.text
    assert "process_resident_memory_bytes" in metrics.text


async def test_the_trainer_is_ready_when_its_database_answers(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).json() == {"status": "ready", "service": "trainer"}


async def test_the_trainer_without_its_database_says_so(queue: InMemoryQueue, tmp_path: Path) -> None:
    async with client_of(JobStore(connect(f"sqlite:///{tmp_path}/empty.db")), queue) as api:
        response = await api.get("/health/ready")
    assert response.status_code == 503
    assert "database" in response.json()["reason"]


async def retrain(api: httpx.AsyncClient, key: str | None = None, **body: object) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.post("/retrain", json={"model": "iris", **body}, headers=headers)


async def test_the_same_key_gives_the_same_job_even_after_its_end(
    api: httpx.AsyncClient, jobs: JobStore, queue: InMemoryQueue
) -> None:
    first = (await retrain(api, "key-1")).json()
    assert (await retrain(api, "key-1")).json()["id"] == first["id"]
    jobs.cancel(first["id"])
    again = await retrain(api, "key-1")
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert queue.published == [first["id"]]
    assert (await retrain(api, "key-2")).json()["id"] != first["id"]


@pytest.mark.parametrize("other", [{"reason": "something else"}, {"effort": "quick"}, {"feedback": True}])
async def test_a_key_that_comes_with_another_request_is_refused(api: httpx.AsyncClient, other: dict[str, Any]) -> None:
    await retrain(api, "key-1")
    response = await retrain(api, "key-1", **other)
    assert response.status_code == 422
    assert "belongs to another request" in response.json()["detail"]


async def test_effort_and_feedback_are_kept_with_the_job(api: httpx.AsyncClient, jobs: JobStore) -> None:
    job = (await retrain(api, effort="quick", feedback=True)).json()
    assert (job["effort"], job["feedback"]) == ("quick", True)
    assert jobs.get(job["id"]).options == Options(Effort.QUICK, feedback=True)


async def test_without_a_word_a_training_takes_the_full_effort_and_no_feedback(api: httpx.AsyncClient) -> None:
    job = (await retrain(api)).json()
    assert (job["effort"], job["feedback"]) == ("full", False)


async def test_an_effort_that_does_not_exist_is_refused(api: httpx.AsyncClient) -> None:
    assert (await retrain(api, effort="heroic")).status_code == 422


@pytest.mark.parametrize("key", ["with space", "k" * 256])
async def test_a_key_that_cannot_be_one_is_refused(api: httpx.AsyncClient, key: str) -> None:
    assert (await retrain(api, key)).status_code == 422


async def test_with_the_broker_away_the_same_key_names_the_job_that_waits(
    api: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    queue.is_up = False
    first, second = await retrain(api, "key-1"), await retrain(api, "key-1")
    assert (second.status_code, second.json()) == (202, first.json())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/retrain", {"model": "iris", "reason": "a\0b"}),
        ("GET", "/retrain?before=a%00b", None),
        ("GET", "/retrain/a%00b", None),
        ("DELETE", "/retrain/a%00b", None),
        ("GET", "/retrain/a%00b/events", None),
        ("POST", "/models/iris/rollback", {"reason": "a\0b"}),
        ("PUT", "/models/iris/challenger", {"version": "1", "reason": "a\0b"}),
    ],
)
async def test_what_no_database_could_keep_is_the_fault_of_the_request(
    api: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    assert (await api.request(method, path, json=body)).status_code == 422


async def test_requests_of_one_key_at_the_same_moment_make_one_job(
    api: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    responses = await asyncio.gather(*(retrain(api, "key-1") for _ in range(8)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["id"] for response in responses}) == 1
    assert len(queue.published) == 1


async def test_jobs_are_listed_page_by_page(api: httpx.AsyncClient, jobs: JobStore) -> None:
    made: list[str] = []
    for _ in range(5):
        job = (await retrain(api)).json()["id"]
        jobs.cancel(job)
        made.insert(0, job)
    seen, path = [], "/retrain?model=iris&state=cancelled&limit=2"
    while path:
        page = (await api.get(path)).json()
        seen += [job["id"] for job in page["jobs"]]
        path = page["next"]
    assert seen == made
    assert (await api.get("/retrain?state=promoted")).json() == {"jobs": [], "next": None}


async def test_a_queued_job_is_cancelled_at_once_and_the_model_is_free(api: httpx.AsyncClient) -> None:
    location = (await retrain(api)).headers["location"]
    cancelled = await api.delete(location)
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert (await retrain(api)).status_code == 202


async def test_a_job_at_work_is_marked_and_goes_on_to_the_end_of_its_stage(
    api: httpx.AsyncClient, jobs: JobStore
) -> None:
    job = (await retrain(api)).json()["id"]
    jobs.start(job, "training@one")
    told = (await api.delete(f"/retrain/{job}")).json()
    assert (told["state"], told["is_unwanted"]) == ("running", True)


async def test_a_job_at_its_end_cannot_be_cancelled(api: httpx.AsyncClient) -> None:
    location = (await retrain(api)).headers["location"]
    await api.delete(location)
    assert (await api.delete(location)).status_code == 409


async def test_the_events_of_a_job_tell_every_stage_up_to_its_end(api: httpx.AsyncClient, jobs: JobStore) -> None:
    location = (await retrain(api)).headers["location"]

    async def work() -> None:
        job = jobs.start(location.removeprefix("/retrain/"), "training@one")
        assert job is not None
        for percent in (10, 20):
            jobs.progress(job, f"stage {percent}", percent)
            await told[percent].wait()
        jobs.fail(job, "as a test does")

    told = {10: asyncio.Event(), 20: asyncio.Event()}
    working = asyncio.create_task(work())
    events = []
    async with asyncio.timeout(20):
        async for event in events_of(jobs, location):
            events.append(event)
            if event["percent"] in told:
                told[event["percent"]].set()
    await working
    assert [event["stage"] for event in events if event["percent"]][:2] == ["stage 10", "stage 20"]
    assert (events[-1]["state"], events[-1]["error"]) == ("failed", "as a test does")


async def test_the_end_of_a_job_that_ends_while_it_is_looked_at_is_told_whole(jobs: JobStore) -> None:
    class Late(JobStore):
        """Whose job fails between the look at it and the one at its events."""

        def _select(self, query: Select[Any]) -> list[Job]:
            found = super()._select(query)
            taken = jobs.start(found[0].id, "training@one")
            if taken is not None:
                jobs.fail(taken, "no disk")
            return found

    job = jobs.create(IRIS, "a test")
    *_, last = [event async for event in events_of(Late(jobs._engine), f"/retrain/{job.id}")]
    assert (last["state"], last["error"]) == ("failed", "no disk")


async def events_of(jobs: JobStore, location: str) -> AsyncIterator[dict[str, Any]]:
    """As they come: httpx's own transport would hand over the whole stream at its end."""
    routes = retraining_routes(jobs, InMemoryQueue(), Lookout(jobs, 0.01))
    [events] = [each for each in routes.routes if isinstance(each, APIRoute) and each.path.endswith("/events")]
    response = await events.endpoint(location.removeprefix("/retrain/"))
    assert response.headers["x-accel-buffering"] == "no"
    async for text in response.body_iterator:
        if text.startswith("id: "):
            yield json.loads(text.split("data: ")[1])


async def test_a_listener_that_comes_again_gets_what_it_missed(api: httpx.AsyncClient, jobs: JobStore) -> None:
    location = (await retrain(api)).headers["location"]
    job = jobs.start(location.removeprefix("/retrain/"), "training@one")
    assert job is not None
    jobs.progress(job, "split", 2)
    jobs.fail(job, "as a test does")
    whole = (await api.get(f"{location}/events")).text
    ids = [line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: ")]
    assert len(ids) == 4  # queued, running, split, failed
    missed = (await api.get(f"{location}/events", headers={"Last-Event-ID": ids[1]})).text
    assert missed == whole[whole.index(f"id: {ids[2]}") :]
    assert (await api.get(f"{location}/events", headers={"Last-Event-ID": ids[3]})).status_code == 204


async def test_a_job_tells_who_has_tried_it(api: httpx.AsyncClient, jobs: JobStore) -> None:
    location = (await retrain(api)).headers["location"]
    job = jobs.start(location.removeprefix("/retrain/"), "training@one")
    assert job is not None
    jobs.hand_back(job)
    jobs.start(job.id, "training@two")
    history = (await api.get(location)).json()["attempt_history"]
    told = [(attempt["number"], attempt["worker"], attempt["outcome"]) for attempt in history]
    assert told == [(1, "training@one", "handed back"), (2, "training@two", None)]


async def test_a_listener_who_connects_again_to_a_job_at_work_is_told_nothing_twice(jobs: JobStore) -> None:
    class EndsMeanwhile(JobStore):
        """Whose job ends right after the first look."""

        def news(self, after: Mapping[str, int]) -> dict[str, tuple[Job, list[JobEvent]]]:
            found = super().news(after)
            for job_id in after:
                if jobs.get(job_id).state.is_active:
                    jobs.cancel(job_id)
            return found

    job = jobs.create(IRIS, "new data")
    (seen,) = jobs.events(job.id)
    app = FastAPI()
    ending = EndsMeanwhile(jobs._engine)
    app.include_router(retraining_routes(ending, InMemoryQueue(), Lookout(ending, 0.01)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trainer") as client:
        told = await client.get(f"/retrain/{job.id}/events", headers={"Last-Event-ID": str(seen.sequence)})
    ids = [int(line.removeprefix("id: ")) for line in told.text.splitlines() if line.startswith("id: ")]
    assert ids == [seen.sequence + 1]


@pytest.mark.parametrize("seen", ["-1", str(2**31), "7" * 400, "7" * 5_000, "x"])
async def test_a_last_event_that_cannot_be_is_refused(api: httpx.AsyncClient, seen: str) -> None:
    location = (await retrain(api)).headers["location"]
    assert (await api.get(f"{location}/events", headers={"Last-Event-ID": seen})).status_code == 422
