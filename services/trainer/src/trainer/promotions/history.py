"""The history of a model's champions and traffic: what an entry is, how entries hang together, what follows. Pure."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator

from trainer.promotions.ramp import TrafficPlan

BEGINNING = "0" * 64
"""Stands for the hash before the first entry."""


class Action(StrEnum):
    """Why the champion changed, or what else did while it stayed."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    ADOPT = "adopt"  # an alias that was set past this platform is taken as it is found
    CHALLENGE = "challenge"  # the champion stays, and another version is its challenger from now on
    WITHDRAW = "withdraw"  # the champion stays, and nobody challenges it from now on
    TRAFFIC = "traffic"  # the champion stays, and shares its traffic with the challenger from now on

    @property
    def makes_champion(self) -> bool:
        return self not in {Action.CHALLENGE, Action.WITHDRAW, Action.TRAFFIC}


class Entry(BaseModel):
    """One change of a champion, or of its challenger, or of how both share the traffic: then `before` and `after` are
    the same, and `traffic` is there. Times are UTC; `before` is none where there was no champion.

    `hash` is the SHA-256 of all the rest in canonical JSON, the hash of the entry before included, so that no entry can
    be changed, left out or slipped in without breaking the chain behind it.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    model: str
    sequence: int
    at: AwareDatetime
    action: Action
    actor: str
    reason: str
    before: str | None
    after: str
    forced: bool = False
    traffic: TrafficPlan | None = None
    previous_hash: str
    hash: str = ""

    @field_validator("at", mode="before")
    @classmethod
    def _as_utc(cls, value: datetime) -> datetime:
        """SQLite forgets the zone of what was written as UTC."""
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def sealed(self) -> "Entry":
        """The same with its hash."""
        return self.model_copy(update={"hash": self.digest()})

    def digest(self) -> str:
        """What `hash` should be."""
        without: dict[str, Any] = {"hash": True, "at": True}
        # Entries did not always have traffic, nor traffic all that it has now.
        without["traffic"] = self.traffic is None or {
            name for name in ("ramp", "entry") if getattr(self.traffic, name) is None
        }
        facts = self.model_dump(mode="json", exclude=without) | {"at": self.at.isoformat(timespec="microseconds")}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def next_entry(
    model: str,
    entries: Sequence[Entry],
    action: Action,
    champion: str,
    **why: Any,  # noqa: ANN401 # of as many types as an entry has fields, which checks them
) -> Entry:
    """The entry that comes after all others; `why` are its remaining fields."""
    last, sequence = entries[-1] if entries else None, len(entries) + 1
    traffic: TrafficPlan | None = why.pop("traffic", None)
    return Entry(
        model=model,
        sequence=sequence,
        at=datetime.now(UTC),
        action=action,
        before=last.after if last else None,
        after=champion,
        traffic=traffic and traffic.model_copy(update={"entry": sequence}),
        previous_hash=last.hash if last else BEGINNING,
        **why,
    ).sealed()


def first_break(entries: Sequence[Entry]) -> int | None:
    """The sequence number of the first entry, of all from the first on, that does not fit the chain; none if all do."""
    before = BEGINNING
    for expected, entry in enumerate(entries, start=1):
        if entry.sequence != expected or entry.previous_hash != before or entry.hash != entry.digest():
            return expected
        before = entry.hash
    return None


def succession(entries: Sequence[Entry]) -> list[str]:
    """The champions that a rollback would go back through, oldest first; the last one serves."""
    line: list[str] = []
    for entry in entries:
        if entry.action is Action.ROLLBACK:
            del line[-1:]
        elif not line or line[-1] != entry.after:
            line.append(entry.after)
    return line


def held_since(entries: Sequence[Entry]) -> dict[tuple[str, str], datetime]:
    """Since when the champion has been champion, and the one before it the one before; by alias and version."""
    made = changes(entries)
    if not made:
        return {}
    latest_first = succession(made)[::-1]
    return dict.fromkeys(zip(("champion", "previous"), latest_first, strict=False), made[-1].at)


def rolled_back(entries: Sequence[Entry]) -> set[str]:
    """The versions that were taken back and not promoted since."""
    versions: set[str] = set()
    for entry in entries:
        if entry.action is Action.ROLLBACK and entry.before:
            versions.add(entry.before)
        versions.discard(entry.after)
    return versions


def changes(entries: Sequence[Entry]) -> list[Entry]:
    """Those that made a champion."""
    return [entry for entry in entries if entry.action.makes_champion]


def traffic_of(entries: Sequence[Entry]) -> TrafficPlan | None:
    """Who challenges and gets what now. Another champion ends what was agreed with the one before."""
    return entries[-1].traffic if entries and entries[-1].action is not Action.WITHDRAW else None


def unwanted(entries: Sequence[Entry]) -> set[str]:
    """The versions that must not challenge on an alias alone: those that were rolled back, and the one that was
    withdrawn and has not challenged since, whoever was champion meanwhile.
    """
    last = next((entry for entry in reversed(entries) if entry.traffic), None)
    withdrawn = {last.traffic.challenger} if last and last.traffic and last.action is Action.WITHDRAW else set()
    return rolled_back(entries) | withdrawn


def highest_version(entries: Sequence[Entry]) -> int:
    """The greatest number of which the history speaks; 0 when it is empty."""
    challengers = [entry.traffic.challenger for entry in entries if entry.traffic]
    return max(map(int, [*(entry.after for entry in entries), *challengers]), default=0)


def live_at(entries: Sequence[Entry], moment: datetime) -> Entry | None:
    """The entry that made the champion of a moment; none before the first."""
    return next((entry for entry in reversed(changes(entries)) if entry.at <= moment), None)
