from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from mlplatform.registry.evidence import Evidence
from mlplatform.registry.traffic import Traffic
from trainer.promotions.ramp import Limits, Ramp, TrafficPlan, Verdict, judge

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RAMP = Ramp(soak_seconds=60, min_requests=100)


def plan(percent: float = 5, salt: str = "s") -> TrafficPlan:
    return TrafficPlan(challenger="2", challenger_percent=percent, shadow=True, salt=salt, ramp=RAMP)


def seen(**counts: object) -> Evidence:
    healthy = {
        "mark": plan().mark,
        "assigned": 50,
        "compared": 100,
        "rows": 200,
        "champion_seconds": 1.0,
        "challenger_seconds": 1.1,
    }
    return Evidence.model_validate(healthy | counts)


def verdict(
    *evidence: Evidence, after: float = 61, of: TrafficPlan | None = None, ramp: Ramp = RAMP
) -> tuple[Verdict, str]:
    judgement = judge(of or plan(), ramp, since=NOON, now=NOON + timedelta(seconds=after), seen=evidence)
    return judgement.verdict, judgement.reason


def test_a_step_that_was_seen_long_enough_and_kept_all_limits_is_passed() -> None:
    assert verdict(seen()) == (Verdict.ADVANCE, "5 % was passed, 25 % follows")


def test_at_the_last_step_where_nothing_is_left_to_copy_the_challengers_own_requests_are_enough() -> None:
    whole = plan(100)
    assert verdict(Evidence(mark=whole.mark, assigned=100), of=whole)[0] is Verdict.DONE


def test_a_step_has_its_time() -> None:
    assert verdict(seen(), after=59) == (Verdict.WAIT, "1 s of the step are left")


def test_without_enough_requests_a_step_is_not_passed_however_long_it_takes() -> None:
    assert verdict(seen(compared=49), after=10**6) == (Verdict.WAIT, "it has answered 99 of 100 requests")


def test_what_all_replicas_have_seen_counts() -> None:
    assert verdict(seen(compared=0), seen(compared=0))[0] is Verdict.ADVANCE


@pytest.mark.parametrize("other", [plan(1), plan(salt="of another experiment")])
def test_what_was_seen_under_other_traffic_does_not(other: TrafficPlan) -> None:
    assert verdict(seen(mark=other.mark, failed=50))[0] is Verdict.WAIT


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"assigned": 100, "failed": 2}, "could not answer 2 of 100 requests"),
        ({"shadow_failed": 10}, "could not answer 10 of 110 copies of requests"),
        ({"compared": 0, "shadow_failed": 30}, "could not answer 30 of 30 copies of requests"),
        ({"disagreement": 51.0}, "disagrees by 25.5 %"),
        ({"challenger_seconds": 2.1}, "takes 2.10 times as long"),
        ({"compared": 1, "champion_seconds": 0.001, "challenger_seconds": 10.0}, "takes 10000.00 times as long"),
    ],
)
@pytest.mark.parametrize("after", [1, 10**6])
def test_past_a_limit_it_is_stopped_at_once(counts: dict[str, object], reason: str, after: float) -> None:
    got, why = verdict(seen(**counts), after=after)
    assert got is Verdict.STOP
    assert reason in why


@pytest.mark.parametrize(
    "counts",
    [
        {"assigned": 100, "failed": 1},
        {"assigned": 19, "failed": 19},
        {"disagreement": 50.0},
        {"rows": 19, "disagreement": 19.0},
        {"challenger_seconds": 2.0},
    ],
)
def test_at_a_limit_or_where_little_was_seen_it_goes_on(counts: dict[str, object]) -> None:
    assert verdict(seen(**counts))[0] is Verdict.ADVANCE


def test_a_replica_that_does_not_tell_keeps_a_step_from_being_passed_but_not_from_being_stopped() -> None:
    def judged(**counts: object) -> Verdict:
        now = NOON + timedelta(hours=1)
        return judge(plan(), RAMP, since=NOON, now=now, seen=[seen(**counts)], silent=["b:1 (ConnectError)"]).verdict

    assert judged() is Verdict.WAIT
    assert judged(disagreement=200.0) is Verdict.STOP


def test_a_challenger_that_a_replica_refuses_is_stopped() -> None:
    judgement = judge(plan(), RAMP, since=NOON, now=NOON, seen=[], broken=["a:1 refuses to load it (golden)"])
    assert (judgement.verdict, judgement.reason) == (Verdict.STOP, "a:1 refuses to load it (golden)")


def test_limits_are_the_ramps_own() -> None:
    strict = RAMP.model_copy(update={"limits": Limits(disagreement_percent=0)})
    assert verdict(seen(disagreement=1.0), ramp=strict)[0] is Verdict.STOP


@pytest.mark.parametrize("steps", [[], [0, 5], [5, 5], [10, 5], [50, 101]])
def test_steps_grow(steps: list[float]) -> None:
    with pytest.raises(ValidationError):
        Ramp.model_validate({"steps": steps})


def test_predictors_are_told_of_the_share_and_not_of_the_ramp() -> None:
    told = Traffic.model_validate_json(plan().as_tag())
    assert "ramp" not in plan().as_tag()
    assert (told.challenger_percent, told.mark) == (5, plan().mark)
