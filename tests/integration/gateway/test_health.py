"""GET /health in every state the services can be in."""

import pytest

from tests.helpers.gateway import Gateway
from tests.helpers.stub_service import StubService

NOT_READY = (503, {"status": "not ready", "reason": "no champion yet"})


@pytest.mark.usefixtures("services")
def test_all_well_is_ok(gateway: Gateway) -> None:
    answer = gateway.client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["services"]["iris-predictor"] == {"status": "ready", "service": "iris-predictor"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_the_trainer_it_is_degraded_but_answers_200(gateway: Gateway) -> None:
    with gateway.service("housing-predictor") as housing, gateway.service("iris-predictor") as iris:
        housing.answers["/health"] = iris.answers["/health"] = (200, {"status": "ready"})

        answer = gateway.client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["services"]["trainer"] == {"status": "unreachable"}


def test_a_trainer_in_trouble_degrades_too(gateway: Gateway, services: dict[str, StubService]) -> None:
    services["trainer"].answers["/health"] = (503, {"status": "not ready", "reason": "no database"})

    answer = gateway.client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["services"]["trainer"]["reason"] == "no database"


@pytest.mark.parametrize("predictor", ["housing-predictor", "iris-predictor"])
def test_a_predictor_without_a_model_makes_it_unavailable_and_says_why(
    gateway: Gateway, services: dict[str, StubService], predictor: str
) -> None:
    services[predictor].answers["/health"] = NOT_READY

    answer = gateway.client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["services"][predictor] == NOT_READY[1]
    assert answer.headers["Retry-After"] == "5"


def test_with_nothing_behind_it_is_unavailable(gateway: Gateway) -> None:
    answer = gateway.client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert {service["status"] for service in answer.json()["services"].values()} == {"unreachable"}


def test_a_service_that_answers_nonsense_counts_as_unreachable(
    gateway: Gateway, services: dict[str, StubService]
) -> None:
    services["iris-predictor"].answers["/health"] = (200, {"status": 200})

    assert gateway.client.get("/health").json()["services"]["iris-predictor"] == {"status": "unreachable"}


@pytest.mark.usefixtures("services")
def test_head_is_answered_without_a_body(gateway: Gateway) -> None:
    answer = gateway.client.head("/health")

    assert (answer.status_code, answer.content) == (200, b"")
