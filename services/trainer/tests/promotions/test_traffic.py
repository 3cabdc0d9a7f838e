import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from mlplatform.contracts import IRIS
from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable
from mlplatform.registry.traffic import TRAFFIC_TAG, Traffic, read_traffic
from trainer.errors import (
    ChallengerMissing,
    ChampionItself,
    RampInProgress,
    RampMissing,
    VersionRejected,
    VersionRolledBack,
    VersionUnverified,
)
from trainer.promotions.history import Action, Entry, first_break
from trainer.promotions.ledger import Ledger
from trainer.promotions.ramp import Ramp
from trainer.promotions.registry import VERDICT_TAG
from trainer.promotions.traffic import TrafficControl
from trainer.testing import InMemoryModels

NAME = IRIS.registered_model
RAMP = Ramp(steps=(10, 50, 100))
PROMOTING = RAMP.model_copy(update={"promotes": True})


def promote(ledger: Ledger, version: str) -> Entry:
    return ledger.promote(IRIS, version, reason="better", actor="ann")


def rollback(ledger: Ledger) -> Entry:
    return ledger.rollback(IRIS, reason="worse", actor="ann")


def challenge(traffic: TrafficControl, version: str, *, force: bool = False) -> Entry:
    return traffic.challenge(IRIS, version, reason="it may be better", actor="ann", force=force)


def share(
    control: TrafficControl, percent: float, *, shadow: bool = False, expires_at: datetime | None = None
) -> Traffic:
    entry = control.share(IRIS, percent=percent, shadow=shadow, expires_at=expires_at, reason="try it", actor="ann")
    assert entry.traffic is not None
    return entry.traffic


def begin_ramp(control: TrafficControl) -> Entry:
    return control.begin_ramp(IRIS, RAMP, reason="a ramp", actor="ann")


def told(models: InMemoryModels) -> Traffic | None:
    """What the predictors are told."""
    return read_traffic(models.tags(NAME).get(TRAFFIC_TAG))


def test_a_challenger_is_an_entry_of_the_chain_and_the_alias_follows(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    entry = challenge(traffic, "2")
    assert (entry.action, entry.before, entry.after, entry.actor) == (Action.CHALLENGE, "1", "1", "ann")
    assert entry.traffic is not None
    assert (entry.traffic.challenger, entry.traffic.challenger_percent, entry.traffic.shadow) == ("2", 0, False)
    assert models.aliases(NAME) == {"champion": "1", "challenger": "2"}
    assert ledger.first_break(IRIS) is None


def test_a_challenger_that_is_one_already_changes_nothing(challenged: TrafficControl, ledger: Ledger) -> None:
    share(challenged, 5)
    assert challenge(challenged, "2") == ledger.entries(IRIS)[-1]
    assert len(ledger.entries(IRIS)) == 3


def test_another_challenger_begins_without_traffic(challenged: TrafficControl, models: InMemoryModels) -> None:
    begin_ramp(challenged)
    challenge(challenged, "3")
    tag = told(models)
    assert tag is not None
    assert (tag.challenger, tag.challenger_percent, tag.shadow) == ("3", 0, False)
    assert challenged.ramp(IRIS) is None


def test_a_challenger_set_past_the_ledger_is_set_back(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    share(challenged, 5)
    models.set_alias(NAME, "challenger", "3")
    ledger.settle_all()
    assert models.aliases(NAME)["challenger"] == "2"


def test_a_deleted_challenger_keeps_nobody_from_settling_the_others(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    class Deleted(InMemoryModels):
        def set_alias(self, registered_model: str, alias: str, version: str) -> None:
            raise ModelVersionNotFound(f"{registered_model} has no version {version} to be {alias}")

    share(challenged, 5)
    models.drop_alias(NAME, "challenger")
    deleted = Deleted(registered=models.registered, pointers=models.pointers, model_tags=models.model_tags)
    Ledger(ledger._engine, deleted).settle_all()
    assert "challenger" not in models.aliases(NAME)


def test_what_does_not_exist_or_was_not_verified_or_serves_challenges_nobody(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    with pytest.raises(ChallengerMissing):
        challenge(traffic, "2")
    promote(ledger, "1")
    models.registered[NAME, "4"] = {}
    for version, error in (("9", ModelVersionNotFound), ("4", VersionUnverified), ("1", ChampionItself)):
        with pytest.raises(error):
            challenge(traffic, version, force=True)
    assert len(ledger.entries(IRIS)) == 1


def test_what_the_gate_or_somebody_did_not_want_challenges_only_by_force(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    promote(ledger, "2")
    ledger.rollback(IRIS, reason="worse", actor="ann")
    models.registered[NAME, "3"][VERDICT_TAG] = "reject"
    for version, error in (("2", VersionRolledBack), ("3", VersionRejected)):
        with pytest.raises(error):
            challenge(traffic, version)
        assert challenge(traffic, version, force=True).forced


def test_a_share_is_an_entry_of_the_chain_and_the_predictors_are_told(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "challenger", "2")
    until = datetime(2100, 1, 1, tzinfo=UTC)
    granted = share(traffic, 12.5, shadow=True, expires_at=until)
    assert (granted.challenger, granted.challenger_percent, granted.shadow) == ("2", 12.5, True)
    assert granted.expires_at == until
    assert told(models) == read_traffic(granted.as_tag())
    entry = ledger.entries(IRIS)[-1]
    assert (entry.action, entry.before, entry.after, entry.traffic) == (Action.TRAFFIC, "1", "1", granted)
    assert ledger.first_break(IRIS) is None


def test_a_share_that_was_changed_afterwards_is_noticed(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "challenger", "2")
    share(traffic, 5)
    entries = ledger.entries(IRIS)
    granted = entries[-1].traffic
    assert granted is not None
    forged = entries[-1].model_copy(update={"traffic": granted.model_copy(update={"challenger_percent": 50.0})})
    assert first_break([*entries[:-1], forged]) == 2


def test_the_salt_stays_while_the_share_grows_and_changes_with_the_challenger(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "challenger", "2")
    salts = {share(traffic, percent).salt for percent in (5, 10, 0, 50)}
    assert len(salts) == 1
    challenge(traffic, "3")
    assert share(traffic, 50).salt not in salts


@pytest.mark.parametrize("change", ["promotion", "rollback"])
def test_another_champion_ends_the_sharing(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels, change: str
) -> None:
    promote(ledger, "1")
    promote(ledger, "2")
    models.set_alias(NAME, "challenger", "3")
    share(traffic, 50)
    if change == "promotion":
        promote(ledger, "3")
    else:
        rollback(ledger)
    assert told(models) is None


def test_a_share_does_not_count_as_a_change_of_the_champion(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    second = promote(ledger, "2")
    models.set_alias(NAME, "challenger", "3")
    share(traffic, 50)
    assert promote(ledger, "2") == second
    assert ledger.live_at(IRIS, datetime.now(UTC)) == second
    assert rollback(ledger).after == "1"


def test_without_a_challenger_beside_the_champion_there_is_nothing_to_share(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    with pytest.raises(ChallengerMissing):
        share(traffic, 5)
    promote(ledger, "1")
    with pytest.raises(ChallengerMissing):
        share(traffic, 5)
    models.set_alias(NAME, "challenger", "1")
    with pytest.raises(ChallengerMissing):
        share(traffic, 0, shadow=True)
    assert len(ledger.entries(IRIS)) == 1


def test_sharing_can_be_ended_when_the_challenger_is_gone(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "challenger", "2")
    share(traffic, 50)
    models.drop_alias(NAME, "challenger")
    assert share(traffic, 0).challenger_percent == 0


def test_traffic_that_the_registry_lost_is_told_again(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "challenger", "2")
    granted = share(traffic, 50)
    models.drop_tag(NAME, TRAFFIC_TAG)
    ledger.settle_all()
    assert told(models) == read_traffic(granted.as_tag())


def test_a_challenger_that_appears_after_sharing_was_ended_without_one_can_have_a_share(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    share(traffic, 0)
    models.set_alias(NAME, "challenger", "2")
    assert share(traffic, 5).challenger == "2"


@pytest.mark.parametrize("change", ["promotion", "rollback", "challenger", "share"])
def test_a_ramp_begins_and_whatever_else_is_said_ends_it(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels, change: str
) -> None:
    step = begin_ramp(challenged)
    assert step.traffic is not None
    assert (step.traffic.challenger_percent, step.traffic.shadow, step.traffic.ramp) == (10, True, RAMP)
    assert challenged.ramp(IRIS) == step
    assert "ramp" not in models.tags(NAME)[TRAFFIC_TAG]
    match change:
        case "promotion":
            promote(ledger, "3")
        case "rollback":
            promote(ledger, "2")
            challenge(challenged, "3")
            begin_ramp(challenged)
            ledger.rollback(IRIS, reason="worse", actor="ann")
        case "challenger":
            challenge(challenged, "3")
        case _:
            assert share(challenged, 10).challenger_percent == 10
    assert challenged.ramp(IRIS) is None
    with pytest.raises(RampMissing):
        challenged.go_on(IRIS, step, 50, reason="late", actor="ramp")
    with pytest.raises(RampMissing):
        challenged.end_ramp(IRIS, reason="late", actor="ann")
    assert ledger.first_break(IRIS) is None


def test_a_ramp_takes_nobody_back_and_there_is_one_at_a_time(challenged: TrafficControl) -> None:
    salt = share(challenged, 30).salt
    step = begin_ramp(challenged).traffic
    assert step is not None
    assert (step.challenger_percent, step.salt) == (50, salt)
    with pytest.raises(RampInProgress):
        begin_ramp(challenged)


def test_a_ramp_goes_on_and_ends_as_entries_of_the_chain(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    step = challenged.go_on(IRIS, begin_ramp(challenged), 50, reason="passed", actor="ramp")
    assert challenged.ramp(IRIS) == step
    ended = challenged.end_ramp(IRIS, reason="enough", actor="ann")
    assert ended.traffic is not None
    assert (ended.traffic.challenger_percent, ended.traffic.shadow, ended.traffic.ramp) == (0, False, None)
    tag = told(models)
    assert tag is not None
    assert tag.challenger_percent == 0
    assert models.aliases(NAME)["challenger"] == "2"
    assert ledger.first_break(IRIS) is None


def test_a_ramp_that_was_changed_afterwards_is_noticed(challenged: TrafficControl, ledger: Ledger) -> None:
    step = begin_ramp(challenged)
    assert step.traffic is not None
    lax = RAMP.model_copy(update={"promotes": True})
    forged = step.model_copy(update={"traffic": step.traffic.model_copy(update={"ramp": lax})})
    assert first_break([*ledger.entries(IRIS)[:-1], forged]) == 3


def test_with_the_registry_away_no_ramp_begins(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    models.is_up = False
    with pytest.raises(RegistryUnavailable):
        begin_ramp(challenged)
    assert len(ledger.entries(IRIS)) == 2


def test_a_share_whose_time_is_up_gives_a_ramp_no_head_start(challenged: TrafficControl) -> None:
    share(challenged, 50, expires_at=datetime.now(UTC) - timedelta(days=1))
    step = begin_ramp(challenged).traffic
    assert step is not None
    assert (step.challenger_percent, step.expires_at) == (10, None)


@pytest.mark.usefixtures("challenged")
def test_traffic_from_before_entries_were_told_keeps_the_chain_whole(ledger: Ledger) -> None:
    entry = ledger.entries(IRIS)[-1]
    assert entry.traffic is not None
    assert entry.traffic.entry == entry.sequence
    facts = entry.model_dump(mode="json", exclude={"hash": True, "at": True, "traffic": {"ramp", "entry"}})
    facts["at"] = entry.at.isoformat(timespec="microseconds")
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    before = entry.traffic.model_copy(update={"entry": None})
    assert entry.model_copy(update={"traffic": before}).digest() == hashlib.sha256(canonical.encode()).hexdigest()


def withdraw(control: TrafficControl) -> Entry:
    return control.withdraw(IRIS, reason="no good", actor="ann")


def test_a_challenger_is_withdrawn_with_all_it_had(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    begin_ramp(challenged)
    entry = withdraw(challenged)
    assert (entry.action, entry.before, entry.after, entry.reason) == (Action.WITHDRAW, "1", "1", "no good")
    assert entry.traffic is not None
    assert (entry.traffic.challenger, entry.traffic.challenger_percent, entry.traffic.ramp) == ("2", 0, None)
    assert models.aliases(NAME) == {"champion": "1"}
    assert told(models) is None
    assert challenged.ramp(IRIS) is None
    assert ledger.live_at(IRIS, datetime.now(UTC)) == ledger.entries(IRIS)[0]
    assert ledger.first_break(IRIS) is None
    with pytest.raises(ChallengerMissing):
        withdraw(challenged)


def test_a_challenger_that_only_mlflow_names_is_withdrawn_too_and_stays_away(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    with pytest.raises(ChallengerMissing):
        withdraw(traffic)
    models.set_alias(NAME, "challenger", "2")
    withdraw(traffic)
    models.set_alias(NAME, "challenger", "2")
    with pytest.raises(ChallengerMissing):
        share(traffic, 5)
    ledger.settle_all()
    assert models.aliases(NAME) == {"champion": "1"}


def test_what_was_withdrawn_stays_away_though_another_is_promoted_before_the_alias_follows(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    class Stuck(InMemoryModels):
        def drop_alias(self, registered_model: str, alias: str) -> None:
            raise RegistryUnavailable(f"no answer to the end of {alias} in {registered_model}")

    stuck = Stuck(registered=models.registered, pointers=models.pointers, model_tags=models.model_tags)
    withdraw(TrafficControl(Ledger(ledger._engine, stuck), stuck))
    assert models.aliases(NAME)["challenger"] == "2"
    promote(ledger, "3")
    assert models.aliases(NAME) == {"champion": "3", "previous": "1"}
    models.set_alias(NAME, "challenger", "2")
    with pytest.raises(ChallengerMissing):
        share(challenged, 50)


def test_what_was_rolled_back_challenges_on_no_alias(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    promote(ledger, "2")
    rollback(ledger)
    models.set_alias(NAME, "challenger", "2")
    with pytest.raises(ChallengerMissing):
        begin_ramp(traffic)
    ledger.settle_all()
    assert "challenger" not in models.aliases(NAME)


def test_a_ramp_that_promotes_is_begun_only_for_what_the_gate_let_pass_or_somebody_forced(
    traffic: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    promote(ledger, "1")
    models.register(NAME, "4", **{VERDICT_TAG: "reject"})
    models.set_alias(NAME, "challenger", "4")
    with pytest.raises(VersionRejected):
        traffic.begin_ramp(IRIS, PROMOTING, reason="a ramp", actor="ann")
    challenge(traffic, "4", force=True)
    assert traffic.begin_ramp(IRIS, PROMOTING, reason="a ramp", actor="ann").action is Action.TRAFFIC


def test_a_role_that_cannot_be_keeps_no_other_from_being_settled(
    challenged: TrafficControl, ledger: Ledger, models: InMemoryModels
) -> None:
    class WithoutPrevious(InMemoryModels):
        def set_alias(self, registered_model: str, alias: str, version: str) -> None:
            if alias == "previous":
                raise ModelVersionNotFound(f"{registered_model} has no version {version}")
            super().set_alias(registered_model, alias, version)

    promote(ledger, "3")
    challenge(challenged, "2")
    share(challenged, 50)
    models.drop_alias(NAME, "previous")
    theirs = WithoutPrevious(registered=models.registered, pointers=models.pointers, model_tags=models.model_tags)
    withdraw(TrafficControl(Ledger(ledger._engine, theirs), theirs))
    assert models.aliases(NAME) == {"champion": "3"}
    assert told(models) is None


def test_what_was_withdrawn_can_challenge_again_without_what_it_had(
    challenged: TrafficControl, models: InMemoryModels
) -> None:
    salt = share(challenged, 50).salt
    withdraw(challenged)
    challenge(challenged, "2")
    tag = told(models)
    assert tag is not None
    assert tag.challenger_percent == 0
    assert tag.salt != salt
