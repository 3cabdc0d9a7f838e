"""The configuration of nginx and Redis."""

import json
from pathlib import Path

import pytest
import yaml

from deploy.local.configs import fill_in, write_nginx_prefix, write_prometheus_config, write_redis_conf
from deploy.local.settings import ROOT, Settings
from deploy.local.state import State


def test_only_uppercase_names_in_braces_are_filled_in() -> None:
    filled = fill_in("listen ${PORT}; return $host ${status} $PORT;", {"PORT": "1"})

    assert filled == "listen 1; return $host ${status} $PORT;"


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="PORT"):
        fill_in("${PORT}", {})


def test_the_gateway_knows_where_every_service_is(tmp_path: Path) -> None:
    state = State.claim(tmp_path)

    prefix = write_nginx_prefix(Settings(gateway_port=9000), state)
    state.release()

    conf = (prefix / "nginx.conf").read_text()
    for address in ("listen 127.0.0.1:9000", "server 127.0.0.1:9001", "server 127.0.0.1:9002", "server 127.0.0.1:9003"):
        assert address in conf
    assert (prefix / "health.js").exists()


def test_the_local_prometheus_watches_every_process_with_the_rules_of_the_containers(tmp_path: Path) -> None:
    state = State.claim(tmp_path)

    config = json.loads(write_prometheus_config(Settings(gateway_port=9000), state).read_text())
    state.release()

    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets["gateway"] == ["127.0.0.1:9006"]
    in_containers = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in in_containers} - targets.keys() == {"redis", "nginx", "alertmanager"}
    assert sorted(map(Path, config["rule_files"])) == sorted((ROOT / "monitoring/prometheus/rules").glob("*.yml"))


def test_the_broker_loses_nothing_and_asks_for_a_password(tmp_path: Path) -> None:
    state = State.claim(tmp_path)

    conf = write_redis_conf(
        Settings(gateway_port=9000), state, password="secret", predictor_password="other"
    ).read_text()
    state.release()

    for line in ("port 9005", "bind 127.0.0.1", "requirepass secret", "appendonly yes", "maxmemory-policy noeviction"):
        assert line in conf.splitlines()
    assert "user predictor on >other resetchannels &mlplatform.models -@all " in conf


def test_the_broker_starts_without_its_picture(tmp_path: Path) -> None:
    state = State.claim(tmp_path)

    conf = write_redis_conf(
        Settings(gateway_port=9000), state, password="secret", predictor_password="other"
    ).read_text()
    state.release()

    assert "always-show-logo no" in conf.splitlines()
