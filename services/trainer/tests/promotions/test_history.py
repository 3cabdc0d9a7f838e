from datetime import UTC, datetime, timedelta

import pytest

from trainer.promotions.history import (
    BEGINNING,
    Action,
    Entry,
    first_break,
    held_since,
    highest_version,
    live_at,
    rolled_back,
    succession,
)
from trainer.promotions.ramp import TrafficPlan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_ACTIONS = {"+": Action.PROMOTE, "-": Action.ROLLBACK, "=": Action.ADOPT, "?": Action.CHALLENGE}


def history(*changes: str) -> list[Entry]:
    """`+3` promotes version 3, `-3` rolls back to it, `=3` adopts it, `?3` lets it challenge; a minute apart."""
    entries: list[Entry] = []
    for change in changes:
        last = entries[-1] if entries else None
        challenger = change[1:] if change.startswith("?") else None
        entry = Entry(
            model="iris",
            sequence=len(entries) + 1,
            at=NOON + timedelta(minutes=len(entries)),
            action=_ACTIONS[change[0]],
            actor="somebody",
            reason="a reason",
            before=last.after if last else None,
            after=last.after if last and challenger else change[1:],
            traffic=TrafficPlan(challenger=challenger, challenger_percent=0, salt="salt") if challenger else None,
            previous_hash=last.hash if last else BEGINNING,
        )
        entries.append(entry.sealed())
    return entries


def test_a_history_that_was_only_added_to_is_whole() -> None:
    assert first_break(history("=1", "+2", "+3", "-2")) is None


@pytest.mark.parametrize(
    "change",
    [{"after": "9"}, {"actor": "nobody"}, {"reason": "another"}, {"at": NOON}, {"before": "7"}, {"forced": True}],
)
def test_a_changed_entry_breaks_the_chain_where_it_stands(change: dict[str, object]) -> None:
    entries = history("+1", "+2", "+3")
    entries[1] = entries[1].model_copy(update=change)
    assert first_break(entries) == 2


def test_an_entry_changed_with_its_hash_breaks_the_chain_behind_it() -> None:
    entries = history("+1", "+2", "+3")
    entries[1] = entries[1].model_copy(update={"after": "9"}).sealed()
    assert first_break(entries) == 3


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_entry_breaks_the_chain(missing: int) -> None:
    entries = history("+1", "+2", "+3")
    del entries[missing]
    assert first_break(entries) == missing + 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([], []),
        (["+1"], ["1"]),
        (["=4", "+5"], ["4", "5"]),
        (["+1", "+2", "-1"], ["1"]),
        (["+1", "+2", "+3", "-2", "-1"], ["1"]),
        (["+1", "+2", "-1", "+3"], ["1", "3"]),
        (["+1", "+2", "+1"], ["1", "2", "1"]),
        (["+1", "+2", "+1", "-2"], ["1", "2"]),
    ],
)
def test_a_rollback_goes_back_through_the_champions_that_were_not_taken_back(
    changes: list[str], line: list[str]
) -> None:
    assert succession(history(*changes)) == line


@pytest.mark.parametrize(
    ("changes", "holders"),
    [
        ([], {}),
        (["=4"], {("champion", "4"): 0}),
        (["+1", "+2"], {("champion", "2"): 1, ("previous", "1"): 1}),
        (["+1", "+2", "+3"], {("champion", "3"): 2, ("previous", "2"): 2}),
        (["+1", "+2", "-1"], {("champion", "1"): 2}),
    ],
)
def test_champion_and_previous_hold_their_places_since_the_last_change(
    changes: list[str], holders: dict[tuple[str, str], int]
) -> None:
    expected = {holder: NOON + timedelta(minutes=minutes) for holder, minutes in holders.items()}
    assert held_since(history(*changes)) == expected


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        (["+1", "+2"], set()),
        (["+1", "+2", "-1"], {"2"}),
        (["+1", "+2", "-1", "+2"], set()),
        (["+1", "+2", "+3", "-2", "-1"], {"2", "3"}),
    ],
)
def test_a_version_counts_as_rolled_back_until_it_is_promoted_again(changes: list[str], versions: set[str]) -> None:
    assert rolled_back(history(*changes)) == versions


def test_what_was_live_is_known_for_every_moment() -> None:
    entries = history("+1", "+2")
    assert live_at(entries, NOON - timedelta(seconds=1)) is None
    assert live_at(entries, NOON) == entries[0]
    assert live_at(entries, NOON + timedelta(seconds=59)) == entries[0]
    assert live_at(entries, NOON + timedelta(days=1)) == entries[1]


@pytest.mark.parametrize(
    ("changes", "highest"), [([], 0), (["=9", "+10"], 10), (["+3", "+4", "-3"], 4), (["+3", "?5", "+4"], 5)]
)
def test_the_highest_version_is_the_greatest_number_that_was_ever_spoken_of(changes: list[str], highest: int) -> None:
    assert highest_version(history(*changes)) == highest
