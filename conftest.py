"""Fixtures for every test of the workspace."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the services run on."""
    return "asyncio"
