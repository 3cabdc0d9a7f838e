"""Spans for whoever collects them. Off unless an address is given; then only are OpenTelemetry's libraries imported."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from mlplatform.telemetry import trace_context

Attributes = Mapping[str, str | int | float | bool]


class Tracing(Protocol):
    """Where spans go."""

    def span(self, name: str, traceparent: str | None, attributes: Attributes) -> AbstractContextManager[None]:
        """A span around what happens within, in the trace of a `traceparent`; `trace_context.current` names it."""
        ...

    def step(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """A span around a part of what `trace_context.current` names."""
        ...

    def record(
        self, name: str, traceparent: str | None, seconds: float, attributes: Attributes, *, has_failed: bool
    ) -> None:
        """A span that has just ended, after so many seconds."""
        ...

    def close(self) -> None:
        """Send what was not sent yet."""
        ...


class NoTracing:
    """No spans; the trace that is given goes on all the same."""

    @contextmanager
    def span(self, name: str, traceparent: str | None, attributes: Attributes) -> Iterator[None]:
        del name, attributes
        before = trace_context.current.set(traceparent)
        try:
            yield
        finally:
            trace_context.current.reset(before)

    def step(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        del name, attributes
        return nullcontext()

    def record(
        self, name: str, traceparent: str | None, seconds: float, attributes: Attributes, *, has_failed: bool
    ) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing to send."""


def open_tracing(service: str, endpoint: str | None) -> Tracing | None:
    """Where the spans of a process go; none without an address.

    Args:
        service: the name of the process.
        endpoint: OTLP over HTTP, such as `http://collector:4318/v1/traces`.
    """
    if endpoint is None:
        return None
    from mlplatform.telemetry.otlp import OtlpTracing  # noqa: PLC0415 # it is large, and mostly not wanted

    return OtlpTracing(service, endpoint)
