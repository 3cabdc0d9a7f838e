"""docs/metrics.md lists what the processes expose, all of it and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from fastapi import FastAPI

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.serving.app import create_app as create_predictor
from mlplatform.settings import PredictorSettings
from mlplatform.telemetry.metrics import process_registry, render
from mlplatform.telemetry.processes import BeatMetrics, WorkerMetrics
from mlplatform.telemetry.registry import RegistryMetrics
from tests.helpers.exposed import documented, exposed
from tests.helpers.expressions import metrics_in, of_dashboards, of_rules, of_runbooks
from tests.helpers.promtool import ROOT
from trainer.api import create_app as create_trainer
from trainer.api import metrics_of as of_trainer
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.figures import Figures
from trainer.jobs import JobStore
from trainer.promotions.ledger import Ledger
from trainer.tasks import KEEP_UP, TASKS
from trainer.testing import InMemoryModels, InMemoryQueue, InMemoryReplicas
from trainer.worker import PROCESSES

# Compared with running ones by tests of their own.
ELSEWHERE = ("mlplatform_gateway_", "mlplatform_postgres_")

pytestmark = pytest.mark.anyio


def predictor(contract: Contract, folder: Path) -> FastAPI:
    """One in which everything has happened once."""
    app = create_predictor(contract, PredictorSettings(cache_dir=folder))
    metrics = app.state.metrics
    metrics.desired("1")
    metrics.loaded("1")
    return app


def trainer(folder: Path) -> FastAPI:
    engine = connect(f"sqlite:///{folder}/trainer.db")
    migrate(engine)
    models = InMemoryModels()
    ledger = Ledger(engine, models)
    for contract in CONTRACTS.values():
        models.register(contract.registered_model, "1")
        ledger.promote(contract, "1", reason="", actor="a test")
    metrics = of_trainer(Figures(engine), RegistryMetrics())
    return create_trainer(JobStore(engine), InMemoryQueue(), models, ledger, InMemoryReplicas(), metrics)


def others() -> Iterator[str]:
    beat = process_registry()
    BeatMetrics(beat, [KEEP_UP])
    yield render(beat).decode()
    for queue, process in PROCESSES.items():
        worker = process_registry()
        WorkerMetrics(worker, process, TASKS[queue])
        yield render(worker).decode()


async def metrics_of(app: FastAPI) -> str:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return (await client.get("/metrics")).text


async def test_every_metric_is_documented_as_it_is_and_none_is_only_documented(tmp_path: Path) -> None:
    apps = [*(predictor(contract, tmp_path) for contract in CONTRACTS.values()), trainer(tmp_path)]
    there = exposed([*[await metrics_of(app) for app in apps], *others()])
    told = {name: facts for name, facts in documented().items() if not name.startswith(ELSEWHERE)}
    assert there == told


def test_rules_dashboards_and_runbooks_name_only_metrics_that_there_are() -> None:
    named = {
        metric: where
        for where, expression in (*of_rules(), *of_dashboards(), *of_runbooks())
        for metric in metrics_in(expression)
        if metric.startswith("mlplatform_")
    }
    assert {metric: where for metric, where in named.items() if metric not in documented()} == {}


def test_every_metric_is_looked_at_by_a_rule_a_panel_or_a_runbook() -> None:
    looked_at = {
        metric for _, expression in (*of_rules(), *of_dashboards(), *of_runbooks()) for metric in metrics_in(expression)
    }
    assert documented().keys() - looked_at == set()


def test_rules_name_only_rules_that_there_are() -> None:
    recorded = {name for name, _ in of_rules()}
    used = {
        name
        for _, expression in (*of_rules(), *of_dashboards(), *of_runbooks())
        for name in re.findall(r"\b[a-z]+:[a-z_]+:[a-z0-9_]+", expression)
    }
    assert used <= recorded


def test_pages_name_only_metrics_that_there_are() -> None:
    named = {
        metric: page.name
        for page in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/*.md"))
        for metric in metrics_in(page.read_text())
        if metric.startswith("mlplatform_")
    }
    secrets = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"]
    assert {metric: page for metric, page in named.items() if metric not in {*documented(), *secrets}} == {}
