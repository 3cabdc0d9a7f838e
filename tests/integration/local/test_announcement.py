"""What a person reads while the first models are trained, and once they answer."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from io import StringIO
from itertools import count

import httpx
import pytest

from deploy.local.announcement import announce_predictions
from deploy.local.output import Output
from deploy.local.settings import PORT_SETTINGS, Settings
from tests.helpers.ports import first_of_free_ports
from tests.helpers.stub_service import StubService

JOBS = "/retrain?limit=100"
NO_CHAMPION = (503, {"status": "not ready", "reason": "no champion yet"})


@pytest.fixture
def settings() -> Settings:
    return Settings(gateway_port=first_of_free_ports(len(PORT_SETTINGS)))


@pytest.fixture
def services(settings: Settings) -> Iterator[dict[str, StubService]]:
    names = ("gateway", "housing-predictor", "iris-predictor", "trainer")
    with ExitStack() as stack:
        running = {name: stack.enter_context(StubService(settings.ports[name], name)) for name in names}
        running["trainer"].answers[JOBS] = (200, {"jobs": []})
        yield running


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


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            {"model": "iris", "state": "failed", "error": "DataInvalid: row 7"},
            "the last training of iris failed: DataInvalid: row 7; it is tried again",
        ),
        (
            {"model": "iris", "state": "running", "stage": "cross-validate random_forest", "percent": 30},
            "iris is being trained: cross-validate random_forest, 30 %",
        ),
        ({"model": "iris", "state": "queued"}, "waiting for the first iris model: no champion yet"),
    ],
)
def test_the_newest_training_of_the_model_is_told(
    settings: Settings, services: dict[str, StubService], job: dict[str, object], words: str
) -> None:
    older, other = {"model": "iris", "state": "promoted"}, {"model": "housing", "state": "failed", "error": "other"}
    services["trainer"].answers[JOBS] = (200, {"jobs": [other, job, older]})
    services["iris-predictor"].answers["/health/ready"] = NO_CHAMPION

    def train(said: str) -> None:
        if words in said:
            services["iris-predictor"].answers.clear()

    said = _announced(settings, train)

    assert words in said
    assert "other" not in said


def test_a_line_is_said_again_only_once_it_has_changed(settings: Settings, services: dict[str, StubService]) -> None:
    services["iris-predictor"].answers["/health/ready"] = NO_CHAMPION
    asked = count()

    def nothing_starts() -> list[str]:
        percent = next(asked) // 2 * 10
        job = {"model": "iris", "state": "running", "stage": "split", "percent": percent}
        services["trainer"].answers[JOBS] = (200, {"jobs": [job]})
        if percent >= 20:
            services["iris-predictor"].answers.clear()
        return []

    said = _announced(settings, lambda _: None, starting=nothing_starts)

    assert re.findall(r"split, (\d+) %", said) == ["0", "10", "20"]


@pytest.mark.usefixtures("services")
def test_predictions_are_announced_while_other_processes_are_still_starting(settings: Settings) -> None:
    said = _announced(settings, lambda _: None, starting=lambda: ["mlflow", "trainer"])

    assert "Both models answer" in said
    assert "Still starting: mlflow, trainer." in said


def test_why_there_are_no_predictions_is_not_asked_while_processes_are_starting(
    settings: Settings, services: dict[str, StubService]
) -> None:
    services["iris-predictor"].answers["/health/ready"] = NO_CHAMPION
    asked = count()

    def mlflow_starts() -> list[str]:
        if next(asked) == 1:
            services["iris-predictor"].answers.clear()
        return ["mlflow"]

    assert "waiting for" not in _announced(settings, lambda _: None, starting=mlflow_starts)


class _Watched(StringIO):
    def __init__(self, react: Callable[[str], None]) -> None:
        super().__init__()
        self._react = react

    def write(self, text: str) -> int:
        written = super().write(text)
        self._react(self.getvalue())
        return written


def _announced(settings: Settings, react: Callable[[str], None], starting: Callable[[], Sequence[str]] = tuple) -> str:
    stream = _Watched(react)

    async def announce() -> None:
        async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as client:
            output = Output(stream, names=["p"], colour=False)
            await announce_predictions(settings, client=client, output=output, starting=starting)

    asyncio.run(announce())
    return stream.getvalue()
