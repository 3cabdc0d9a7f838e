"""Drills: a stack as a user starts it, on which things are killed again and again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import Settings
from tests.drills.figures import FIGURES
from tests.drills.kills import DRILLS, SEED, table
from tests.e2e.conftest import Platform
from tests.helpers.ports import first_of_free_ports

_FIRST_START_SECONDS = 360


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
        terminalreporter.section(f"drills, seed {SEED}")
        for line in table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has trained its first models."""
    platform = Platform(tmp_path_factory.mktemp("drills"), first_of_free_ports(len(Settings().ports)))
    try:
        platform.wait_until_it_is_whole(_FIRST_START_SECONDS)
        yield platform
    finally:
        platform.end()
