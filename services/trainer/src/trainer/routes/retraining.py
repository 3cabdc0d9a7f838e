"""Retraining: asking for it, watching it, calling it off."""

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from mlplatform.contracts import contract_of
from trainer.errors import JobNotFound
from trainer.jobs import Attempt, Job, JobEvent, JobStore, Lookout, State
from trainer.options import Effort, Options
from trainer.routes.text import WITHOUT_NUL
from trainer.submission import submit
from trainer.tasks import Queue

_MOST_EVENTS = 2**31 - 1  # an integer of the database
_SILENCE_SECONDS = 10.0  # less than any proxy waits

_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same request gives the same job again.",
        pattern=r"^[\x21-\x7e]{1,255}$",
    ),
]
_JobId = Annotated[str, Path(pattern=WITHOUT_NUL)]
_LastEvent = Annotated[
    int,
    Header(
        alias="Last-Event-ID",
        description="Sent by a client that connects again: the last event it saw.",
        ge=0,
        le=_MOST_EVENTS,
    ),
]
_log = structlog.get_logger(__name__)


class RetrainRequest(BaseModel):
    """What to train, and why."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="The model's short name.", examples=["housing"])
    reason: str = Field(
        default="asked for over the API", description="Kept with the job.", max_length=1_000, pattern=WITHOUT_NUL
    )
    effort: Effort = Field(default=Effort.FULL, description="Quick tries fewer candidates, in fewer folds.")
    feedback: bool = Field(default=False, description="Train on labelled feedback, too.")


class JobDetail(Job):
    """A job and who has tried it, oldest first."""

    attempt_history: list[Attempt]


class JobList(BaseModel):
    """Jobs, newest first; `next` is where older ones are, if there may be some."""

    jobs: list[Job]
    next: str | None


def retraining_routes(jobs: JobStore, queue: Queue, lookout: Lookout) -> APIRouter:
    """The routes over a store of jobs, a queue to the worker, and who looks at the jobs for all that listen."""
    routes = APIRouter(prefix="/retrain", tags=["retraining"])

    @routes.post("", status_code=HTTPStatus.ACCEPTED, summary="Ask for a retraining")
    def retrain(request: RetrainRequest, response: Response, key: _Key = None) -> Job:
        """404 for an unknown model, 409 naming the job when the model is being trained already. What is accepted is
        kept: with the broker away it is handed over later.
        """
        options = Options(request.effort, request.feedback)
        job = submit(contract_of(request.model), request.reason, jobs, queue, key, options)
        _log.info("retraining accepted", job=job.id, model=job.model)
        response.headers["Location"] = f"/retrain/{job.id}"
        return job

    @routes.get("", summary="The latest jobs")
    def latest(
        model: str | None = None,
        state: State | None = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        before: Annotated[str | None, Query(description="Only jobs older than this one.", pattern=WITHOUT_NUL)] = None,
    ) -> JobList:
        found = jobs.newest(limit, contract_of(model).model if model else None, state, before)
        asked = {"model": model, "state": state, "limit": limit, "before": found[-1].id if found else None}
        following = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        return JobList(jobs=found, next=f"/retrain?{following}" if len(found) == limit else None)

    @routes.get("/{job_id}", summary="One job: its state, stage and outcome")
    def job(job_id: _JobId) -> JobDetail:
        return JobDetail(**jobs.get(job_id).model_dump(), attempt_history=jobs.attempts(job_id))

    @routes.delete("/{job_id}", status_code=HTTPStatus.ACCEPTED, summary="Call a retraining off")
    def cancel(job_id: _JobId) -> Job:
        """At once while it is queued, otherwise after the stage it is in; 409 when it is at its end."""
        return jobs.cancel(job_id)

    @routes.get("/{job_id}/events", summary="How it goes, as server-sent events", response_class=StreamingResponse)
    async def events(job_id: _JobId, after: _LastEvent = 0) -> Response:
        """An event for every change of state, stage or percent, from the first on or after the last one that was seen,
        up to the end of the job; 204 when nothing can follow.
        """
        news = await asyncio.to_thread(jobs.news, {job_id: after})
        if job_id not in news:
            raise JobNotFound(f"no job {job_id}")
        job, fresh = news[job_id]
        if not job.state.is_active and not fresh:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        # The header keeps nginx from collecting events until a buffer is full.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(job, after, fresh, lookout), media_type="text/event-stream", headers=headers)

    return routes


async def _events(job: Job, seen: int, fresh: list[JobEvent], lookout: Lookout) -> AsyncIterator[str]:
    """Source: HTML Living Standard, section Server-sent events."""
    with lookout.listen(job.id, fresh[-1].sequence if fresh else seen) as listener:
        for event in fresh:
            yield _event(event, job)
        while job.state.is_active:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    job, fresh = await listener.news()
            except TimeoutError:
                yield ": still there\n\n"
                continue
            for event in fresh:
                yield _event(event, job)


def _event(event: JobEvent, job: Job) -> str:
    facts = event.model_dump(mode="json", include={"at", "attempt", "state", "stage", "percent"})
    if event.state.is_active:
        kind = "progress"
    else:
        kind, facts = "end", {**facts, "version": job.version, "error": job.error}
    return f"id: {event.sequence}\nevent: {kind}\ndata: {json.dumps(facts)}\n\n"
