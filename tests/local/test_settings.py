"""The ports of a stack."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.local.settings import PORT_SETTINGS, ROOT, Settings


@pytest.fixture(autouse=True)
def _without_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in [*PORT_SETTINGS.values(), "GATEWAY_HOST", "LOCAL_STATE"]:
        monkeypatch.delenv(setting, raising=False)


def test_by_default_the_gateway_has_8080_and_the_others_follow() -> None:
    assert Settings().ports == {
        "gateway": 8080,
        "housing-predictor": 8081,
        "iris-predictor": 8082,
        "trainer": 8083,
        "mlflow": 8084,
        "redis": 8085,
        "gateway-internal": 8086,
        "trainer-worker": 8087,
        "trainer-beat": 8088,
        "prometheus": 8089,
        "trainer-upkeep": 8090,
    }


def test_the_gateways_port_moves_the_whole_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "9000")

    assert list(Settings().ports.values()) == [*range(9000, 9011)]


def test_a_port_of_its_own_moves_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINER_PORT", "7000")

    assert Settings().ports["trainer"] == 7000
    assert Settings().ports["mlflow"] == 8084


def test_two_processes_on_one_port_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="IRIS_PREDICTOR_PORT and TRAINER_PORT are both 8083"):
        Settings(iris_predictor_port=8083)


def test_a_gateway_too_high_for_the_others_is_refused() -> None:
    with pytest.raises(ValidationError, match="leaves no room"):
        Settings(gateway_port=65533)


def test_each_stack_keeps_its_state_in_the_project_unless_told_otherwise(tmp_path: Path) -> None:
    assert Settings().state_dir == ROOT / ".local/8080"
    assert Settings(gateway_port=9080).state_dir == ROOT / ".local/9080"
    assert Settings(local_state=tmp_path).state_dir == tmp_path


@pytest.mark.parametrize(
    ("host", "listen", "url"),
    [
        ("127.0.0.1", "127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0", "0.0.0.0:8080", "http://127.0.0.1:8080"),  # noqa: S104 # never bound
        ("::", "[::]:8080", "http://[::1]:8080"),
    ],
)
def test_a_client_is_given_an_address_that_it_can_reach(host: str, listen: str, url: str) -> None:
    settings = Settings(gateway_host=host)

    assert (settings.gateway_listen, settings.gateway_url) == (listen, url)
