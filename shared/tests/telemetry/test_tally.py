import pytest
from prometheus_client import CollectorRegistry

from mlplatform.telemetry.tally import PredictTally

BOUNDS = (0.001, 0.01, 0.1)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tally(registry: CollectorRegistry) -> PredictTally:
    tally = PredictTally("iris", ("ok", "invalid"), BOUNDS)
    registry.register(tally)
    return tally


@pytest.mark.usefixtures("tally")
def test_every_outcome_begins_at_zero(registry: CollectorRegistry) -> None:
    for outcome in ("ok", "invalid"):
        labels = {"model": "iris", "outcome": outcome}
        assert registry.get_sample_value("mlplatform_predict_request_duration_seconds_count", labels) == 0
    assert registry.get_sample_value("mlplatform_prediction_warnings_total", {"model": "iris"}) == 0


def test_durations_are_counted_up_to_each_bound_the_bound_included(
    tally: PredictTally, registry: CollectorRegistry
) -> None:
    for seconds in (0.0005, 0.001, 0.002, 0.5):
        tally.answered("ok", seconds)
    counts = {
        bound: registry.get_sample_value(
            "mlplatform_predict_request_duration_seconds_bucket", {"model": "iris", "outcome": "ok", "le": bound}
        )
        for bound in ("0.001", "0.01", "0.1", "+Inf")
    }
    assert counts == {"0.001": 2, "0.01": 3, "0.1": 3, "+Inf": 4}
    labels = {"model": "iris", "outcome": "ok"}
    assert registry.get_sample_value("mlplatform_predict_request_duration_seconds_sum", labels) == pytest.approx(0.5035)


def test_rows_are_counted_by_the_version_that_answered(tally: PredictTally, registry: CollectorRegistry) -> None:
    tally.predicted("1", "champion", 10, warnings=2)
    tally.predicted("2", "champion", 5, warnings=0)
    tally.predicted("2", "champion", 5, warnings=1)
    rows = {
        version: registry.get_sample_value(
            "mlplatform_predictions_total", {"model": "iris", "version": version, "variant": "champion"}
        )
        for version in ("1", "2")
    }
    assert rows == {"1": 10, "2": 10}
    assert registry.get_sample_value("mlplatform_prediction_warnings_total", {"model": "iris"}) == 3
