import json
import logging

import pytest
import structlog

from mlplatform.telemetry.logging import configure_logging

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_an_event_is_one_json_line_with_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("iris-predictor", "json")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("test").info("version serves", version="3")
    line = json.loads(capsys.readouterr().out)
    assert line["service"] == "iris-predictor"
    assert (line["event"], line["version"], line["request_id"], line["level"]) == ("version serves", "3", "r-1", "info")
    assert line["timestamp"].endswith("Z")


def test_a_library_that_logs_the_standard_way_comes_out_alike(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("trainer", "json")
    logging.getLogger("library").warning("beware of %s", "this")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["logger"], line["level"]) == ("beware of this", "library", "warning")


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("trainer", "json")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger("test").exception("failed")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "ZeroDivisionError" in json.loads(out)["exception"]
