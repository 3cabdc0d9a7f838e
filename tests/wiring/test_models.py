"""A model is complete when each of its parts is there; whatever is missing is named."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy.local.settings import PORT_SETTINGS
from mlplatform.contracts import CONTRACTS, Contract
from trainer.recipes import RECIPES

ROOT = Path(__file__).parents[2]

contracts = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())


@contracts
def test_a_model_is_listed_under_its_own_name(contract: Contract) -> None:
    assert CONTRACTS[contract.model] is contract


@contracts
def test_a_model_has_a_recipe_with_at_least_four_candidates(contract: Contract) -> None:
    assert RECIPES[contract.model].contract is contract
    assert len(RECIPES[contract.model].candidates) >= 4


@contracts
def test_a_model_has_a_predictor_of_its_own(contract: Contract) -> None:
    folder = ROOT / "services" / f"{contract.model}-predictor"
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == folder.name
    assert (folder / "src" / f"{contract.model}_predictor" / "app.py").is_file()
    assert (folder / "requirements.lock").is_file()
    assert (folder / "README.md").is_file()


@contracts
def test_a_model_has_raw_data_with_a_checksum(contract: Contract) -> None:
    lines = (ROOT / "data" / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    raw = f"{contract.model}_raw.csv"
    assert hashlib.sha256((ROOT / "data" / raw).read_bytes()).hexdigest() == sums[raw]


@contracts
def test_a_model_is_reached_through_the_gateway(contract: Contract) -> None:
    template = (ROOT / "services" / "gateway" / "templates" / "nginx.conf.template").read_text()
    assert f"/predict/{contract.model}" in template


@contracts
def test_a_model_counts_in_the_gateways_health(contract: Contract) -> None:
    script = (ROOT / "services" / "gateway" / "health.js").read_text()
    (predictors,) = re.findall(r"^const PREDICTORS = \[(.*)\];$", script, re.MULTILINE)
    assert f"'{contract.model}-predictor'" in predictors


@contracts
def test_a_model_is_counted_by_the_gateway(contract: Contract) -> None:
    script = (ROOT / "services" / "gateway" / "metrics.js").read_text()
    (routes,) = re.findall(r"^const ROUTES = \[(.*)\];$", script, re.MULTILINE)
    assert f"'/predict/{contract.model}'" in routes


@contracts
def test_a_predictor_is_watched_and_missed(contract: Contract) -> None:
    jobs = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert f"{contract.model}-predictor" in {job["job_name"] for job in jobs}
    groups = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "rules" / "serving.yml").read_text())["groups"]
    missed = {
        rule["labels"]["model"]: rule["expr"]
        for group in groups
        for rule in group["rules"]
        if rule["alert"] == "PredictorDown"
    }
    assert f'job="{contract.model}-predictor"' in missed[contract.model]


@contracts
def test_a_predictor_is_started_by_the_local_runner(contract: Contract) -> None:
    assert f"{contract.model}-predictor" in PORT_SETTINGS


def test_no_recipe_is_without_a_contract() -> None:
    assert RECIPES.keys() == CONTRACTS.keys()
