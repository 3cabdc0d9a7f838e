"""The table of processes: what the runner decides for them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from deploy.local.binaries import Nginx
from deploy.local.environment import clean_environment
from deploy.local.processes import Process, Stack
from deploy.local.settings import Settings
from deploy.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.claim(tmp_path)
    yield state
    state.release()


def table(state: State, **chosen: str) -> dict[str, Process]:
    environment = clean_environment(chosen)
    stack = Stack(
        Settings(gateway_port=9000), state, Nginx(Path("nginx")), Path("redis"), httpx.AsyncClient(), environment
    )
    return {process.name: process for process in stack.processes()}


@pytest.mark.parametrize(("chosen", "log_format"), [({}, "console"), ({"MLPLATFORM_LOG_FORMAT": "json"}, "json")])
def test_the_gateway_logs_in_the_format_of_the_services(state: State, chosen: dict[str, str], log_format: str) -> None:
    gateway = table(state, **chosen)["gateway"]

    assert f"access_log /dev/stdout {log_format} " in (gateway.cwd / "nginx.conf").read_text()


def test_mlflow_logs_in_json_where_the_services_do(state: State) -> None:
    told = {
        log_format: " ".join(table(state, MLPLATFORM_LOG_FORMAT=log_format)["mlflow"].command)
        for log_format in ("console", "json")
    }

    assert "services/mlflow/" not in told["console"]
    assert "services/mlflow/command.py server" in told["json"]
    assert "services/mlflow/logging.json" in told["json"]


def test_prometheus_is_started_only_where_there_is_one(state: State) -> None:
    stack = Stack(
        Settings(gateway_port=9000),
        state,
        Nginx(Path("nginx")),
        Path("redis"),
        httpx.AsyncClient(),
        clean_environment({}),
    )
    assert "prometheus" not in {process.name for process in stack.processes()}
    assert "prometheus" in {process.name for process in replace(stack, prometheus=Path("prometheus")).processes()}


def test_only_mlflow_hides_a_warning_and_only_its_own(state: State) -> None:
    hidden = {
        name: process.env["PYTHONWARNINGS"] for name, process in table(state).items() if "PYTHONWARNINGS" in process.env
    }

    assert hidden == {"mlflow": "ignore:starlette.middleware.wsgi is deprecated"}


def test_whatever_ends_a_process_of_ours_is_told_to_its_log(state: State) -> None:
    ours = {name for name in table(state) if name.startswith("trainer") or name.endswith("-predictor")}
    entries = {name: table(state)[name].command[1:3] for name in ours}
    assert len(ours) == 7
    assert entries == dict.fromkeys(ours, ("-m", "mlplatform.process"))
