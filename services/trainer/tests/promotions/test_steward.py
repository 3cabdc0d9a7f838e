from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mlplatform.contracts import IRIS
from mlplatform.errors import RegistryUnavailable
from mlplatform.registry.evidence import Evidence
from trainer.promotions.history import Action
from trainer.promotions.ledger import Ledger
from trainer.promotions.ramp import Ramp, Verdict
from trainer.promotions.replicas import Replica
from trainer.promotions.steward import Steward
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels, InMemoryReplicas

QUICK = Ramp(soak_seconds=0.000001, min_requests=10)


class Predictors(InMemoryReplicas):
    """Two replicas, which have always just seen what they should of the present step, and `extra` besides.

    What `odd` has for an address is told instead, one each time it is asked, the last for ever; `meanwhile` happens
    while they answer.
    """

    def __init__(self, traffic: TrafficControl) -> None:
        super().__init__()
        self.extra: dict[str, object] = {}
        self.refused: dict[str, object] = {}
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self.odd: dict[str, list[Replica]] = {}
        self._traffic = traffic

    def of(self, model: str) -> list[Replica]:
        if self.error:
            raise self.error
        step = self._traffic.ramp(IRIS)
        if model != "iris" or step is None or step.traffic is None:
            return []
        seen = {"mark": step.traffic.mark, "compared": 100, "rows": 100}
        evidence = Evidence.model_validate({**seen, "champion_seconds": 1.0, "challenger_seconds": 1.0, **self.extra})
        self.meanwhile()
        good = {"loaded": ["1", "2"], "evidence": evidence, "refused": self.refused}
        return [self._odd(address) or Replica(address=address, **good) for address in ("a:1", "b:1")]

    def _odd(self, address: str) -> Replica | None:
        left = self.odd.get(address, [])
        return left.pop(0) if len(left) > 1 else next(iter(left), None)


class Clock:
    """Has a step be as old as said, and goes on by what is slept."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def predictors(challenged: TrafficControl) -> Predictors:
    return Predictors(challenged)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def steward(challenged: TrafficControl, predictors: Predictors, clock: Clock) -> Steward:
    return Steward(challenged, predictors, now=clock.now, pause=clock.pause)


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
        Steward(TrafficControl(restarted, models), predictors).go_round()
    assert shares(ledger) == [1, 5, 25, 50, 100]
    assert {entry.actor for entry in ledger.entries(IRIS)[3:]} == {"ramp"}
    assert ledger.first_break(IRIS) is None
    judgement = Steward(challenged, predictors).look_after(IRIS)
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
    assert ledger.entries(IRIS)[-1].reason == (
        "stopped: a:1 refuses to load it (golden); b:1 refuses to load it (golden)"
    )


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


@pytest.mark.parametrize("steps", [(50.0, 100.0), (100.0,)])
def test_a_ramp_that_is_ended_while_the_replicas_answer_does_nothing_more(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, steps: tuple[float, ...]
) -> None:
    begin(challenged, QUICK.model_copy(update={"promotes": True, "steps": steps}))
    predictors.meanwhile = lambda: challenged.end_ramp(IRIS, reason="enough", actor="ann")
    steward.go_round()
    last = ledger.entries(IRIS)[-1]
    assert (last.action, last.actor, last.after) == (Action.TRAFFIC, "ann", "1")


def test_what_was_seen_in_a_ramp_before_counts_for_none_that_begins_again(
    challenged: TrafficControl, ledger: Ledger
) -> None:
    marks = set()
    for _ in range(2):
        begin(challenged, QUICK)
        step = challenged.ramp(IRIS)
        assert step is not None
        assert step.traffic is not None
        marks.add(step.traffic.mark)
        challenged.end_ramp(IRIS, reason="enough", actor="ann")
    assert len(marks) == 2
    assert ledger.first_break(IRIS) is None


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        (Replica(address="b:1", loaded=["1"]), "version 2 is not loaded"),
        (Replica(address="b:1", loaded=["1", "2"]), "it follows other traffic"),
        (Replica(address="b:1", loaded=["1", "2"], evidence=Evidence(mark="other")), "it follows other traffic"),
    ],
)
def test_a_step_waits_for_each_replica_to_have_the_challenger_and_to_follow(
    steward: Steward,
    challenged: TrafficControl,
    predictors: Predictors,
    ledger: Ledger,
    clock: Clock,
    behind: Replica,
    why: str,
) -> None:
    begin(challenged, QUICK)
    predictors.odd = {"b:1": [behind]}
    clock.ahead = timedelta(hours=1)
    judgement = steward.look_after(IRIS)
    assert judgement is not None
    assert judgement.verdict is Verdict.WAIT
    assert judgement.reason == f"not every replica tells what it has seen: b:1 ({why})"
    assert (shares(ledger), clock.slept) == ([1], [])


HANGS = Replica(address="b:1", trouble="ReadTimeout")


def test_a_replica_that_stays_silent_costs_the_challenger_its_share(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, clock: Clock
) -> None:
    begin(challenged, QUICK)
    predictors.odd = {"b:1": [HANGS]}
    clock.ahead = timedelta(seconds=61)
    steward.go_round()
    assert shares(ledger) == [1, 0]
    assert ledger.entries(IRIS)[-1].reason == "stopped: b:1 answers nothing any more (ReadTimeout)"
    assert clock.slept == [4, 4]


def test_while_a_step_is_young_a_silent_replica_is_waited_for(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, clock: Clock
) -> None:
    begin(challenged, QUICK)
    predictors.odd = {"b:1": [HANGS]}
    clock.ahead = timedelta(seconds=50)
    steward.go_round()
    assert (shares(ledger), clock.slept) == ([1], [])


def test_a_replica_that_restarts_meanwhile_is_not_taken_for_one_that_hangs(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, clock: Clock
) -> None:
    begin(challenged, QUICK)
    anew = Replica(address="b:1", loaded=["1"])
    predictors.odd = {"b:1": [HANGS, HANGS, anew]}
    clock.ahead = timedelta(hours=1)
    steward.go_round()
    assert shares(ledger) == [1]


def test_two_that_restart_one_after_the_other_are_no_one_that_hangs(
    steward: Steward, challenged: TrafficControl, predictors: Predictors, ledger: Ledger, clock: Clock
) -> None:
    begin(challenged, QUICK)
    anew = Replica(address="a:1", loaded=["1"])
    predictors.odd = {
        "a:1": [anew.model_copy(update={"trouble": "ConnectError"}), anew],
        "b:1": [anew.model_copy(update={"address": "b:1"}), HANGS],
    }
    clock.ahead = timedelta(hours=1)
    steward.go_round()
    assert shares(ledger) == [1]
