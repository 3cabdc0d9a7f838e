"""What a person reads while the first models are trained, and once they answer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO

import httpx
import pytest

from deploy.local.announcement import announce_predictions
from deploy.local.output import Output
from deploy.local.settings import Settings
from tests.helpers.ports import first_of_free_ports
from tests.helpers.stub_service import StubService

NO_CHAMPION = (503, {"status": "not ready", "reason": "no champion yet"})


@pytest.fixture
def settings() -> Settings:
    return Settings(gateway_port=first_of_free_ports(6))


@pytest.fixture
def services(settings: Settings) -> Iterator[dict[str, StubService]]:
    names = ("gateway", "housing-predictor", "iris-predictor")
    with ExitStack() as stack:
        yield {name: stack.enter_context(StubService(settings.ports[name], name)) for name in names}


def test_it_says_why_there_are_no_predictions_and_then_how_to_get_one(
    settings: Settings, services: dict[str, StubService]
) -> None:
    services["iris-predictor"].answers["/health/ready"] = NO_CHAMPION

    def train(said: str) -> None:
        if "no champion yet" in said:
            services["iris-predictor"].answers.clear()

    said = _announced(settings, train)

    assert said.count("waiting for the first iris model: no champion yet") == 1
    assert "waiting for the first housing model" not in said
    assert said.index("no champion yet") < said.index(f"curl {settings.gateway_url}/predict/iris")


def test_a_ready_predictor_is_not_enough_until_the_gateway_serves_it(
    settings: Settings, services: dict[str, StubService]
) -> None:
    services["gateway"].answers["/predict/housing"] = (502, {})

    def mend(said: str) -> None:
        if "waiting for the first housing model" in said:
            services["gateway"].answers.clear()

    assert "Both models answer" in _announced(settings, mend)


class _Watched(StringIO):
    def __init__(self, react: Callable[[str], None]) -> None:
        super().__init__()
        self._react = react

    def write(self, text: str) -> int:
        written = super().write(text)
        self._react(self.getvalue())
        return written


def _announced(settings: Settings, react: Callable[[str], None]) -> str:
    stream = _Watched(react)

    async def announce() -> None:
        async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as client:
            await announce_predictions(settings, client=client, output=Output(stream, names=["p"], colour=False))

    asyncio.run(announce())
    return stream.getvalue()
