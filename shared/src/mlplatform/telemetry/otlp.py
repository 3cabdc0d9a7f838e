"""Spans over OTLP. The only module that imports OpenTelemetry."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mlplatform.telemetry import trace_context
from mlplatform.telemetry.tracing import Attributes

_PATIENCE_SECONDS = 5
_NANO = 1_000_000_000


class OtlpTracing:
    """Sends spans in batches, from a thread of its own; what cannot be sent in time is dropped."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_PATIENCE_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("mlplatform")
        self._propagator = TraceContextTextMapPropagator()

    def span(self, name: str, traceparent: str | None, attributes: Attributes) -> AbstractContextManager[None]:
        return self._around(name, traceparent, attributes, SpanKind.SERVER)

    def step(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        return self._around(name, trace_context.current.get(), attributes, SpanKind.INTERNAL)

    @contextmanager
    def _around(self, name: str, traceparent: str | None, attributes: Attributes, kind: SpanKind) -> Iterator[None]:
        span = self._tracer.start_span(name, self._context(traceparent), kind=kind, attributes=dict(attributes))
        before = trace_context.current.set(self._traceparent(span))
        try:
            yield
        except Exception as error:
            span.record_exception(error)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            trace_context.current.reset(before)
            span.end()

    def record(
        self, name: str, traceparent: str | None, seconds: float, attributes: Attributes, *, has_failed: bool
    ) -> None:
        now = time.time_ns()
        began = now - int(seconds * _NANO)
        span = self._tracer.start_span(
            name, self._context(traceparent), kind=SpanKind.SERVER, attributes=dict(attributes), start_time=began
        )
        if has_failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now)

    def close(self) -> None:
        self._provider.shutdown()

    def _context(self, traceparent: str | None) -> Context:
        return self._propagator.extract({"traceparent": traceparent} if traceparent else {}, Context())

    def _traceparent(self, span: Span) -> str:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span, Context()))
        return carrier["traceparent"]
