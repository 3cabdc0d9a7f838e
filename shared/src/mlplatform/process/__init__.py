"""`python -m mlplatform.process trainer.worker` is `python -m trainer.worker`, but that all it dies of goes to the log.

An import that fails, a setting that is wrong, an error that nobody caught, in whichever thread: one line each, of JSON
or for a person, as `MLPLATFORM_LOG_FORMAT` says. Of the standard library alone: it works when nothing else does.
"""

import json
import logging
import os
import runpy
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

FORMAT = "MLPLATFORM_LOG_FORMAT"
_FAILURE = 1

_Error = tuple[type[BaseException], BaseException, TracebackType | None]

_log = logging.getLogger(__name__)


def run(module: str) -> None:
    """Run a module as this process."""
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread
    warnings.showwarning = _warned
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        tell(logging.CRITICAL, end.code)
        raise SystemExit(_FAILURE) from None


def tell(level: int, event: str, error: _Error | None = None, **facts: object) -> None:
    """Write an event to the log of this process, whether that is set up by now or not."""
    if logging.getLogger().handlers:
        _log.log(level, event, exc_info=error, extra=facts)
    elif os.environ.get(FORMAT) == "console":
        told = "".join(f" {name}={value}" for name, value in facts.items())
        sys.stderr.write(f"{logging.getLevelName(level).lower()}: {event}{told}\n")
        if error:
            traceback.print_exception(*error)
    else:
        line = {
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "level": logging.getLevelName(level).lower(),
            "event": event,
            "logger": __name__,
            **facts,
        }
        if error:
            line["exception"] = "".join(traceback.format_exception(*error)).rstrip()
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):  # which was asked for
        tell(logging.CRITICAL, "the process ends by an error", (kind, error, trace))


def _uncaught_in_thread(end: threading.ExceptHookArgs) -> None:
    if end.exc_value and not issubclass(end.exc_type, SystemExit):
        name = end.thread.name if end.thread else None
        tell(
            logging.ERROR, "a thread ends by an error", (end.exc_type, end.exc_value, end.exc_traceback), in_thread=name
        )


def _unraisable(met: "sys.UnraisableHookArgs") -> None:
    error = (met.exc_type, met.exc_value, met.exc_traceback) if met.exc_value else None
    tell(logging.ERROR, "an error that nobody could catch", error, met_in=repr(met.object), detail=met.err_msg)


def _warned(  # as Python calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del file, line
    tell(logging.WARNING, str(message), category=category.__name__, place=f"{filename}:{lineno}")
