"""What the containers' files say agrees with the code, without an engine."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.containers.announcement import EXAMPLES, welcome
from deploy.containers.secrets import make_secrets
from deploy.local.announcement import example
from mlplatform.contracts import CONTRACTS
from mlplatform.messaging.events import CHANNEL

ROOT = Path(__file__).parents[2]
MAY_BE_EMPTY = {"OTLP_ENDPOINT", "CLIENTS"}  # which means: no spans, no names


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def test_the_calls_that_are_shown_are_the_contracts_examples() -> None:
    assert {model: json.loads(body) for model, body in EXAMPLES.items()} == {
        model: example(contract) for model, contract in CONTRACTS.items()
    }
    assert "http://localhost:9000/predict/iris" in welcome({"GATEWAY_PORT": "9000"})


def test_every_model_has_a_container_and_is_watched(compose: dict[str, Any]) -> None:
    watched = (ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text()
    for model in CONTRACTS:
        assert f"{model}-predictor" in compose["services"]
        assert f"names: [{model}-predictor]" in watched
        rules = (ROOT / "monitoring" / "prometheus" / "rules" / "serving.yml").read_text()
        assert f'absent(up{{job="{model}-predictor"}} == 1)' in rules


def test_every_setting_of_the_compose_file_has_a_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    settings = re.findall(r"\$\{([A-Z_]+)(:-[^}]+)?(?::-)?\}", text)
    assert settings
    assert [name for name, default in settings if not default and name not in {"SETTING", *MAY_BE_EMPTY}] == []
    assert compose["services"]


def test_every_container_is_limited_and_may_do_nothing_it_need_not(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "cpus", "pids_limit"} <= set(service), name
        assert not isinstance(service.get("command", []), str), f"{name}: exec form"


def test_secrets_are_made_once_and_only_their_folder_is_locked(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    make_secrets(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}


def test_whom_to_tell_of_alerts_is_kept_once_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    (folder / "alert_page_url").chmod(0o644)
    (folder / "alert_page_url").write_text("https://alerts.example/page")
    make_secrets(folder)
    assert (folder / "alert_page_url").read_text() == "https://alerts.example/page"
    assert "nobody" in (folder / "alert_ticket_url").read_text()


def test_every_secret_of_the_compose_file_is_made(compose: dict[str, Any], tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    declared = {Path(secret["file"].rsplit("/", 1)[1]).name for secret in compose["secrets"].values()}
    assert declared <= {path.name for path in (tmp_path / "secrets").iterdir()}


def test_redis_is_told_only_hashes(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    users = (tmp_path / "secrets" / "redis_users").read_text()
    for user in ("trainer", "predictor", "exporter"):
        assert (tmp_path / "secrets" / f"redis_{user}_password").read_text() not in users
    assert f"&{CHANNEL} " in users
    assert len(re.findall(r" #[0-9a-f]{64} ", users)) == 3
