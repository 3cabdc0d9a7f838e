"""The trace of a task goes on from whoever asked for it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog
from celery import Task

from mlplatform.telemetry.trace_context import trace_id_of, well_formed
from mlplatform.telemetry.tracing import NoTracing, Tracing, open_tracing
from trainer.settings import TrainerSettings
from trainer.tasks import TRACEPARENT


@contextmanager
def traced_task(settings: TrainerSettings, task: Task, job_id: str) -> Iterator[Tracing]:
    """A span around a task, if the settings want any, and the trace's id in every line that is logged within.

    What is given is for the spans of its parts.
    """
    traceparent = well_formed((task.request.headers or {}).get(TRACEPARENT))
    trace_id = trace_id_of(traceparent)
    trace = {"trace_id": trace_id} if trace_id else {}
    with (
        structlog.contextvars.bound_contextvars(**trace),
        closing(open_tracing("trainer-worker", settings.otlp_endpoint) or NoTracing()) as tracing,
        tracing.span(task.name, traceparent, {"job": job_id}),
    ):
        yield tracing
