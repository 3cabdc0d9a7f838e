import time

import pytest
from prometheus_client import CollectorRegistry

from mlplatform.telemetry.predictor import REASONS, REFUSALS, PredictorMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PredictorMetrics:
    return PredictorMetrics(registry, "iris")


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"mlplatform_{name}", {"model": "iris", **labels})


@pytest.mark.usefixtures("metrics")
def test_every_reason_begins_at_zero(registry: CollectorRegistry) -> None:
    assert {value(registry, "model_refusals_total", reason=reason) for reason in REFUSALS} == {0}
    assert {value(registry, "predict_rejections_total", reason=reason) for reason in REASONS} == {0}
    assert {value(registry, "model_reload_total", outcome=outcome) for outcome in ("loaded", "refused")} == {0}
    assert value(registry, "registry_last_answer_timestamp_seconds") == 0


def test_the_version_that_should_serve_and_the_one_that_does_are_told_apart(
    metrics: PredictorMetrics, registry: CollectorRegistry
) -> None:
    metrics.loaded("1")
    metrics.desired("1")
    metrics.desired("2")
    assert value(registry, "model_version_info", version="1") == 1
    assert value(registry, "model_desired_version_info", version="2") == 1
    assert value(registry, "model_desired_version_info", version="1") is None
    loaded_at = value(registry, "model_loaded_timestamp_seconds")
    assert loaded_at is not None
    assert time.time() - loaded_at < 60


def test_a_refusal_for_a_reason_that_is_new_makes_no_series(
    metrics: PredictorMetrics, registry: CollectorRegistry
) -> None:
    metrics.refused("golden")
    metrics.refused("something that nobody thought of")
    assert value(registry, "model_refusals_total", reason="golden") == 1
    assert value(registry, "model_refusals_total", reason="other") == 1
    assert value(registry, "model_reload_total", outcome="refused") == 2


def test_an_answer_from_before_a_restart_is_told_but_does_not_make_the_registry_reachable(
    metrics: PredictorMetrics, registry: CollectorRegistry
) -> None:
    metrics.registry_answered_before(1_700_000_000.0)
    assert value(registry, "registry_last_answer_timestamp_seconds") == 1_700_000_000
    assert value(registry, "registry_reachable") == 0
