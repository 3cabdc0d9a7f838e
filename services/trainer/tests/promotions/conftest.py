"""A ledger on a real database, over a registry with three versions of the iris model."""

import pytest
from sqlalchemy import Engine

from mlplatform.contracts import IRIS
from trainer.promotions.ledger import Ledger
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels


@pytest.fixture
def models() -> InMemoryModels:
    models = InMemoryModels()
    for version in ("1", "2", "3"):
        models.register(IRIS.registered_model, version)
    return models


@pytest.fixture
def ledger(engine: Engine, models: InMemoryModels) -> Ledger:
    return Ledger(engine, models)


@pytest.fixture
def traffic(ledger: Ledger, models: InMemoryModels) -> TrafficControl:
    return TrafficControl(ledger, models)


@pytest.fixture
def challenged(ledger: Ledger, models: InMemoryModels) -> TrafficControl:
    """Version 1 serves, and version 2 challenges it."""
    ledger.promote(IRIS, "1", reason="the first", actor="ann")
    control = TrafficControl(ledger, models)
    control.challenge(IRIS, "2", reason="it may be better", actor="ann")
    return control
