import pytest
from prometheus_client import CollectorRegistry

from mlplatform.telemetry.tally import PredictTally

BOUNDS = (0.001, 0.01, 0.1)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tally(registry: CollectorRegistry) -> PredictTally:
    tally = PredictTally("iris", ("ok", "shed"), {"malformed_body": None, "overloaded": "shed"}, BOUNDS)
    registry.register(tally)
    return tally


@pytest.mark.usefixtures("tally")
def test_every_outcome_begins_at_zero(registry: CollectorRegistry) -> None:
    for outcome in ("ok", "shed"):
        labels = {"model": "iris", "outcome": outcome}
        assert registry.get_sample_value("mlplatform_predict_request_duration_seconds_count", labels) == 0
    for reason in ("malformed_body", "overloaded"):
        assert rejections(registry, reason) == 0


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


def test_what_is_refused_is_counted_by_reason_whichever_way_it_was_told(
    tally: PredictTally, registry: CollectorRegistry
) -> None:
    tally.rejected("malformed_body")
    tally.answered("shed", 0.0001)
    tally.answered("shed", 0.0001)
    assert (rejections(registry, "malformed_body"), rejections(registry, "overloaded")) == (1, 2)


def rejections(registry: CollectorRegistry, reason: str) -> float | None:
    return registry.get_sample_value("mlplatform_predict_rejections_total", {"model": "iris", "reason": reason})
