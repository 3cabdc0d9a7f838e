import pytest

from mlplatform.contracts import IRIS
from mlplatform.errors import RegistryUnavailable
from mlplatform.registry.evidence import Evidence
from trainer.promotions.ledger import Ledger
from trainer.promotions.ramp import Ramp, Verdict
from trainer.promotions.replicas import Replica
from trainer.promotions.steward import Steward
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels, InMemoryReplicas

QUICK = Ramp(soak_seconds=0.000001, min_requests=10)


class Predictors(InMemoryReplicas):
    """Two replicas, which have always just seen what they should of the present step, and `extra` besides."""

    def __init__(self, traffic: TrafficControl) -> None:
        super().__init__()
        self.extra: dict[str, object] = {}
        self.refused: dict[str, object] = {}
        self.error: Exception | None = None
        self._traffic = traffic

    def of(self, model: str) -> list[Replica]:
        if self.error:
            raise self.error
        step = self._traffic.ramp(IRIS)
        if model != "iris" or step is None or step.traffic is None:
            return []
        seen = {"mark": step.traffic.mark, "compared": 100, "rows": 100}
        evidence = Evidence.model_validate({**seen, "champion_seconds": 1.0, "challenger_seconds": 1.0, **self.extra})
        return [Replica(address=address, evidence=evidence, refused=self.refused) for address in ("a:1", "b:1")]


@pytest.fixture
def predictors(challenged: TrafficControl) -> Predictors:
    return Predictors(challenged)


@pytest.fixture
def steward(ledger: Ledger, challenged: TrafficControl, predictors: Predictors) -> Steward:
    return Steward(ledger, challenged, predictors)


def shares(ledger: Ledger) -> list[float]:
    return [entry.traffic.challenger_percent for entry in ledger.entries(IRIS)[2:] if entry.traffic]


def begin(traffic: TrafficControl, ramp: Ramp) -> None:
    traffic.begin_ramp(IRIS, ramp, reason="a ramp", actor="ann")


def test_a_good_challenger_goes_all_the_way_up_and_stays(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels, predictors: Predictors
) -> None:
    begin(challenged, QUICK)
    for _ in range(7):
        restarted = Ledger(ledger._engine, models)  # each round may be another process's
        Steward(restarted, TrafficControl(restarted, models), predictors).go_round()
    assert shares(ledger) == [1, 5, 25, 50, 100]
    assert {entry.actor for entry in ledger.entries(IRIS)[3:]} == {"ramp"}
    assert ledger.first_break(IRIS) is None
    judgement = Steward(ledger, challenged, predictors).look_after(IRIS)
    assert judgement is not None
    assert judgement.verdict is Verdict.DONE


def test_if_it_was_asked_for_the_challenger_becomes_champion_in_the_end(
    steward: Steward, challenged: TrafficControl, models: InMemoryModels
) -> None:
    begin(challenged, QUICK.model_copy(update={"promotes": True, "steps": (50.0, 100.0)}))
    for _ in range(5):
        steward.go_round()
    assert models.aliases(IRIS.registered_model) == {"champion": "2", "previous": "1"}
    assert models.tags(IRIS.registered_model) == {}
    assert challenged.ramp(IRIS) is None


def test_a_version_that_was_forced_to_challenge_is_promoted_although_it_was_rolled_back_once(
    steward: Steward, challenged: TrafficControl, ledger: Ledger
) -> None:
    ledger.promote(IRIS, "2", reason="better", actor="ann")
    ledger.rollback(IRIS, reason="worse", actor="ann")
    challenged.challenge(IRIS, "2", reason="once more", actor="ann", force=True)
    begin(challenged, QUICK.model_copy(update={"promotes": True, "steps": (100.0,)}))
    steward.go_round()
    last = ledger.entries(IRIS)[-1]
    assert (last.after, last.forced) == ("2", True)


@pytest.mark.parametrize("extra", [{"shadow_failed": 50}, {"disagreement": 50.0}, {"challenger_seconds": 5.0}])
def test_a_bad_challenger_loses_its_share_in_the_next_round_and_the_history_says_why(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, extra: dict[str, object]
) -> None:
    begin(challenged, QUICK)
    steward.go_round()
    predictors.extra = extra
    steward.go_round()
    assert shares(ledger) == [1, 5, 0]
    assert ledger.entries(IRIS)[-1].reason.startswith("stopped: it ")
    assert challenged.ramp(IRIS) is None
    assert steward.look_after(IRIS) is None


def test_a_challenger_that_replicas_refuse_to_load_loses_its_share(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger
) -> None:
    begin(challenged, QUICK)
    predictors.refused = {"2": {"reason": "golden"}}
    steward.go_round()
    assert ledger.entries(IRIS)[-1].reason == "stopped: it is refused by a:1 (golden); b:1 (golden)"


def test_a_step_takes_its_time(steward: Steward, challenged: TrafficControl, ledger: Ledger) -> None:
    begin(challenged, QUICK.model_copy(update={"soak_seconds": 3600}))
    steward.go_round()
    assert shares(ledger) == [1]


@pytest.mark.parametrize("error", [RegistryUnavailable("it was taken away"), RuntimeError("a bug")])
def test_what_cannot_be_done_now_is_done_later(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, error: Exception
) -> None:
    begin(challenged, QUICK)
    predictors.error = error
    steward.go_round()
    assert shares(ledger) == [1]
    predictors.error = None
    steward.go_round()
    assert shares(ledger) == [1, 5]
