from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.errors import ModelVersionNotFound, PlatformError, RegistryUnavailable
from trainer.db.tables import promotion_locks, promotions
from trainer.errors import (
    ChampionChanged,
    NothingToRollBackTo,
    RegistryRefused,
    VersionRejected,
    VersionRolledBack,
    VersionUnverified,
)
from trainer.promotions.history import Action, Entry
from trainer.promotions.ledger import Ledger
from trainer.promotions.registry import VERDICT_TAG
from trainer.testing import InMemoryModels

NAME = IRIS.registered_model


def promote(ledger: Ledger, version: str, actor: str = "ann") -> Entry:
    return ledger.promote(IRIS, version, reason="better", actor=actor)


def rollback(ledger: Ledger) -> Entry:
    return ledger.rollback(IRIS, reason="worse", actor="ann")


def test_a_promotion_is_written_down_and_the_aliases_follow(ledger: Ledger, models: InMemoryModels) -> None:
    promote(ledger, "1")
    entry = promote(ledger, "2")
    assert (entry.before, entry.after, entry.actor, entry.reason) == ("1", "2", "ann", "better")
    assert models.aliases(NAME) == {"champion": "2", "previous": "1"}
    assert ledger.entries(IRIS)[-1] == entry
    assert ledger.first_break(IRIS) is None


def test_promoting_the_champion_changes_nothing(ledger: Ledger) -> None:
    assert promote(ledger, "1") == promote(ledger, "1", actor="bob")
    assert len(ledger.entries(IRIS)) == 1


def test_a_promoted_challenger_is_none_any_more(ledger: Ledger, models: InMemoryModels) -> None:
    models.set_alias(NAME, "challenger", "2")
    promote(ledger, "2")
    assert models.aliases(NAME) == {"champion": "2"}


def test_a_champion_found_in_the_registry_is_adopted_before_anything_changes(
    ledger: Ledger, models: InMemoryModels
) -> None:
    models.set_alias(NAME, "champion", "1")
    promote(ledger, "2")
    assert [(entry.action, entry.after) for entry in ledger.entries(IRIS)] == [
        (Action.ADOPT, "1"),
        (Action.PROMOTE, "2"),
    ]


@pytest.mark.parametrize("expected", ["2", None])
def test_a_promotion_that_expects_another_champion_is_refused(ledger: Ledger, expected: str | None) -> None:
    promote(ledger, "1")
    with pytest.raises(ChampionChanged, match="served by version 1"):
        ledger.promote(IRIS, "3", reason="better", actor="ann", expected_champion=expected)
    assert len(ledger.entries(IRIS)) == 1


def test_a_version_that_does_not_exist_is_not_promoted(ledger: Ledger) -> None:
    with pytest.raises(ModelVersionNotFound):
        promote(ledger, "9")


def test_a_version_that_no_pipeline_verified_is_not_promoted(ledger: Ledger, models: InMemoryModels) -> None:
    models.registered[NAME, "4"] = {}
    with pytest.raises(VersionUnverified):
        promote(ledger, "4")


def test_a_rollback_goes_back_one_champion_and_then_another(ledger: Ledger, models: InMemoryModels) -> None:
    for version in ("1", "2", "3"):
        promote(ledger, version)
    rollback(ledger)
    assert models.aliases(NAME) == {"champion": "2", "previous": "1"}
    rollback(ledger)
    assert models.aliases(NAME) == {"champion": "1"}
    with pytest.raises(NothingToRollBackTo):
        rollback(ledger)


def test_a_version_that_was_rolled_back_comes_back_only_by_force(ledger: Ledger, models: InMemoryModels) -> None:
    promote(ledger, "1")
    promote(ledger, "2")
    rollback(ledger)
    with pytest.raises(VersionRolledBack):
        promote(ledger, "2")
    entry = ledger.promote(IRIS, "2", reason="it was not its fault", actor="ann", force=True)
    assert entry.forced
    assert models.aliases(NAME) == {"champion": "2", "previous": "1"}


def test_with_the_registry_away_nothing_is_written(ledger: Ledger, models: InMemoryModels) -> None:
    models.is_up = False
    with pytest.raises(RegistryUnavailable):
        promote(ledger, "1")
    models.is_up = True
    assert ledger.entries(IRIS) == []


def test_aliases_that_could_not_follow_are_moved_by_the_next_who_settles(
    engine: Engine, models: InMemoryModels
) -> None:
    class LostOnTheWay(InMemoryModels):
        def set_alias(self, registered_model: str, alias: str, version: str) -> None:
            raise RegistryUnavailable(f"it went away before {alias} of {registered_model} was {version}")

    entry = promote(Ledger(engine, LostOnTheWay(registered=models.registered)), "2")
    assert entry.after == "2"
    assert models.aliases(NAME) == {}
    Ledger(engine, models).settle_all()
    assert models.aliases(NAME) == {"champion": "2"}


@pytest.mark.parametrize("error", [ModelVersionNotFound, RegistryRefused])
def test_a_model_whose_aliases_cannot_move_keeps_no_other_from_it(
    engine: Engine, models: InMemoryModels, error: type[PlatformError]
) -> None:
    class ClosedToHousing(InMemoryModels):
        def set_alias(self, registered_model: str, alias: str, version: str) -> None:
            if registered_model == HOUSING.registered_model:
                raise error("not this one")
            super().set_alias(registered_model, alias, version)

    models.register(HOUSING.registered_model, "1")
    closed = ClosedToHousing(registered=models.registered)
    ledger = Ledger(engine, models)
    ledger.promote(HOUSING, "1", reason="new", actor="ann")
    promote(ledger, "1")
    assert Ledger(engine, closed).settle_all() == ["iris"]
    assert closed.pointers == {NAME: {"champion": "1"}}


def test_an_alias_moved_past_the_ledger_is_moved_back(ledger: Ledger, models: InMemoryModels) -> None:
    promote(ledger, "1")
    models.set_alias(NAME, "champion", "3")
    ledger.settle(IRIS)
    assert models.aliases(NAME) == {"champion": "1"}


@pytest.mark.parametrize("change", [update(promotions).values(after="3"), delete(promotions)])
def test_the_database_refuses_to_rewrite_the_history(engine: Engine, ledger: Ledger, change: object) -> None:
    promote(ledger, "1")
    with pytest.raises(IntegrityError, match="not rewritten"), engine.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload] # one of two kinds of statement


def test_many_at_once_leave_one_chain_and_aliases_that_say_its_end(engine: Engine, models: InMemoryModels) -> None:
    ledgers = [Ledger(engine, models) for _ in range(4)]  # as in as many processes

    def change(turn: int) -> None:
        ledger = ledgers[turn % len(ledgers)]
        try:
            if turn % 5 == 4:  # now and then
                rollback(ledger)
            else:
                ledger.promote(IRIS, str(turn % 3 + 1), reason="better", actor="ann", force=True)
        except NothingToRollBackTo:
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(60)))
    entries = ledgers[0].entries(IRIS)
    assert len(entries) > 10
    assert ledgers[0].first_break(IRIS) is None
    assert models.aliases(NAME)["champion"] == entries[-1].after


class Heard:
    """`ModelEvents` that note which version was champion when each word came."""

    def __init__(self, models: InMemoryModels) -> None:
        self.words: list[tuple[str, str | None]] = []
        self._models = models

    def changed(self, model: str) -> None:
        self.words.append((model, self._models.aliases(NAME).get("champion")))


def test_predictors_are_told_of_a_change_once_it_can_be_seen_in_the_registry(
    engine: Engine, models: InMemoryModels
) -> None:
    heard = Heard(models)
    ledger = Ledger(engine, models, heard)
    promote(ledger, "1")
    promote(ledger, "2")
    ledger.settle_all()
    assert heard.words == [("iris", "1"), ("iris", "2")]
    models.is_up = False
    with pytest.raises(RegistryUnavailable):
        promote(ledger, "3")
    assert len(heard.words) == 2


class Watched(InMemoryModels):
    """Notes the aliases after each change, as a predictor could find them."""

    def __init__(self, models: InMemoryModels) -> None:
        super().__init__(registered=models.registered, pointers=models.pointers, model_tags=models.model_tags)
        self.found: list[dict[str, str]] = []

    def set_alias(self, registered_model: str, alias: str, version: str) -> None:
        super().set_alias(registered_model, alias, version)
        self.found.append(self.aliases(registered_model))

    def drop_alias(self, registered_model: str, alias: str) -> None:
        super().drop_alias(registered_model, alias)
        self.found.append(self.aliases(registered_model))


def test_no_version_that_has_a_role_before_and_after_is_ever_without_one(
    engine: Engine, models: InMemoryModels
) -> None:
    watched = Watched(models)
    ledger = Ledger(engine, watched)
    for version in ("1", "2"):
        promote(ledger, version)
    watched.set_alias(NAME, "challenger", "3")
    for change in (partial(promote, ledger, "3"), partial(rollback, ledger), partial(rollback, ledger)):
        before = set(watched.aliases(NAME).values())
        watched.found.clear()
        change()
        stays = before & set(watched.aliases(NAME).values())
        assert watched.found
        assert all(stays <= set(found.values()) for found in watched.found)


def test_a_version_that_the_gate_rejected_serves_only_by_force(ledger: Ledger, models: InMemoryModels) -> None:
    models.registered[NAME, "2"][VERDICT_TAG] = "reject"
    promote(ledger, "1")
    with pytest.raises(VersionRejected):
        promote(ledger, "2")
    assert ledger.promote(IRIS, "2", reason="it is known better", actor="ann", force=True).forced
    assert models.aliases(NAME) == {"champion": "2", "previous": "1"}


def test_a_rollback_to_a_version_that_was_deleted_changes_nothing(ledger: Ledger, models: InMemoryModels) -> None:
    promote(ledger, "1")
    promote(ledger, "2")
    del models.registered[NAME, "1"]
    with pytest.raises(ModelVersionNotFound):
        rollback(ledger)
    assert ledger.entries(IRIS)[-1].after == "2"


def test_a_champion_before_this_one_that_is_gone_has_no_alias_and_is_no_reason_never_to_be_settled(
    ledger: Ledger, models: InMemoryModels
) -> None:
    for version in ("1", "2"):
        promote(ledger, version)
        del models.registered[NAME, version]  # as a registry does that loses its store
        models.pointers.clear()
    promote(ledger, "3")
    assert models.aliases(NAME) == {"champion": "3"}
    assert ledger.settle_all() == ["housing", "iris"]
    models.register(NAME, "2")  # restored
    ledger.settle_all()
    assert models.aliases(NAME) == {"champion": "3", "previous": "2"}


def test_the_champion_is_what_the_history_says_whatever_the_registry_does(
    ledger: Ledger, models: InMemoryModels
) -> None:
    assert ledger.champion(IRIS) is None
    models.set_alias(NAME, "champion", "3")
    assert ledger.champion(IRIS) == "3"  # as long as there is no history
    promote(ledger, "1")
    models.set_alias(NAME, "champion", "3")
    assert ledger.champion(IRIS) == "1"


def test_asked_again_a_promotion_that_expected_the_champion_before_it_is_as_it_was(ledger: Ledger) -> None:
    def say() -> Entry:
        return ledger.promote(IRIS, "2", reason="better", actor="ann", expected_champion="1")

    promote(ledger, "1")
    first = say()
    assert say() == first


def test_upkeep_takes_no_lock_where_the_aliases_follow_already(ledger: Ledger, engine: Engine) -> None:
    promote(ledger, "1")
    before = _locks(engine)
    ledger.settle_all()
    assert _locks(engine) == before


def _locks(engine: Engine) -> dict[str, datetime]:
    """When each was taken last."""
    with engine.begin() as connection:
        return {row.model: row.taken_at for row in connection.execute(select(promotion_locks))}
