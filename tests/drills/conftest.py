"""Drills: a stack as a user starts it, on which things are killed again and again."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import Settings
from tests.drills.figures import FIGURES
from tests.drills.kills import DRILLS, LISTENERS, REPEATS, SEED, table
from tests.e2e.conftest import Platform
from tests.helpers.ports import first_of_free_ports

_FIRST_START_SECONDS = 360
_OF_SOMEBODY_ELSE = re.compile(
    r"(MLPLATFORM|MLFLOW|CELERY|COMPOSE|TRAINER_WORKER)_.*|.*_(PORT|PROXY)"
    r"|GATEWAY_HOST|LOCAL_STATE|PROCESSED_DIR|SECRETS_DIR|OTLP_ENDPOINT|CLIENTS|LOG_LEVEL",
    re.IGNORECASE,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.drills)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("figures")
        for figure in FIGURES:
            terminalreporter.write_line(figure)
    if DRILLS:
        terminalreporter.section(f"drills, REPEATS={REPEATS}, SEED={SEED}")
        for line in table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """What a shell or a file sets for a stack of its own changes nothing here."""
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if _OF_SOMEBODY_ELSE.fullmatch(name):
                environment.delenv(name)
        environment.setenv("COMPOSE_DISABLE_ENV_FILE", "1")
        yield


@pytest.fixture(autouse=True)
def told_at_once(pytestconfig: pytest.Config) -> Iterator[None]:
    """Each repeat is a line on the terminal as soon as it is over."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    LISTENERS.append(write)
    yield
    LISTENERS.remove(write)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has trained its first models."""
    platform = Platform(tmp_path_factory.mktemp("drills"), first_of_free_ports(len(Settings().ports)))
    try:
        platform.wait_until_it_is_whole(_FIRST_START_SECONDS)
        yield platform
    finally:
        platform.end()
