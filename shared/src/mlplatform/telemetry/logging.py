"""One event, one line: JSON for machines, columns for a person at a terminal."""

import logging
import sys
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback

LogFormat = Literal["json", "console"]

# They tell of every request or task, which the gateway and the trainer tell better.
_CHATTY = ("httpx", "httpcore", "uvicorn.access", "celery.app.trace", "celery.worker.request", "celery.worker.strategy")


def configure_logging(service: str, log_format: LogFormat, level: str = "INFO", **facts: str) -> None:
    """Send the events of this process, those of libraries included, to standard output.

    Called once, by the process's composition root. Facts, such as the one model that it serves, are in every line of
    JSON.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colour_twin,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, {"service": service, **facts}),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _shorten(
    _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """A person needs the time of day and the event, not the module's name."""
    event.pop("logger", None)
    event["timestamp"] = event["timestamp"][11:19]
    return event


def _drop_colour_twin(
    _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    event.pop("color_message", None)  # uvicorn says the same twice
    return event


def _renderers(log_format: LogFormat, facts: Mapping[str, str]) -> list[structlog.types.Processor]:
    if log_format == "console":
        return [
            _shorten,
            ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0, exception_formatter=plain_traceback),
        ]

    def add_facts(
        _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        return {**facts, **event}

    return [add_facts, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
