"""Fixtures for every test of the workspace."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the services run on."""
    return "asyncio"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """What a test makes of the log of this process ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
