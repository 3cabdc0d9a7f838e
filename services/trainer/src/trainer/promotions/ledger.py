"""The ledger: the one place that changes who serves.

An entry is committed first, and aliases and traffic follow it: whoever moves them reads the last entry under the
model's lock. So however many do so at once, and whoever of them dies, they end up where the last entry says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.errors import ModelVersionNotFound
from mlplatform.messaging.events import ModelEvents, NoModelEvents
from mlplatform.registry.manifest import CHAMPION, MANIFEST_TAG
from trainer.db.tables import promotion_locks, promotions
from trainer.errors import (
    ChampionChanged,
    DatabaseUnavailable,
    NothingToRollBackTo,
    RegistryRefused,
    VersionRejected,
    VersionRolledBack,
    VersionUnverified,
)
from trainer.promotions.following import steps_to_follow
from trainer.promotions.history import (
    Action,
    Entry,
    changes,
    first_break,
    held_since,
    live_at,
    next_entry,
    rolled_back,
    succession,
)
from trainer.promotions.registry import REJECTED, VERDICT_TAG, Registry, Version

ANYBODY = "*"
"""Expected of a champion that may be any."""

Together = Callable[[Connection], None]
"""What somebody writes in the transaction of an entry."""

_PLATFORM = "platform"
_HISTORY, _ALIASES = "", " aliases"
"""What a model's lock is for, at the end of its name."""


_INSERTS: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_log = structlog.get_logger(__name__)


def alone(_connection: Connection) -> None:
    """Nothing else is written."""


class Ledger:
    """The history of every model, promotions and rollbacks.

    Every call raises `DatabaseUnavailable` or `RegistryUnavailable` when those do not answer, and `RegistryRefused`;
    nothing was changed then, but for what `promote` says of the aliases.
    """

    def __init__(self, engine: Engine, registry: Registry, events: ModelEvents | None = None) -> None:
        self._engine = engine
        self._registry = registry
        self._events = events or NoModelEvents()
        self._turns = _turns(engine)

    def promote(
        self,
        contract: Contract,
        version: str,
        *,
        reason: str,
        actor: str,
        expected_champion: str | None = ANYBODY,
        force: bool = False,
        together: Together = alone,
    ) -> Entry:
        """Let a version serve; the history stays as it is when the version is the champion already.

        When the registry goes away between the entry and the aliases, `settle` moves them later.

        Args:
            contract: of the model.
            version: its number.
            reason: kept in the history.
            actor: who says so.
            expected_champion: the version that must serve now; none when none must.
            force: past what the gate and a rollback have said.
            together: writes in the same transaction what must not be without the promotion; when it raises, neither is.

        Raises:
            ModelVersionNotFound: there is no such version.
            VersionUnverified: it was not registered by this platform's pipeline.
            ChampionChanged: the champion is not the expected one.
            VersionRolledBack, VersionRejected: it was taken back, or the gate rejected it, and `force` is not given.
        """
        verdict = self.verified(contract, version)["tags"].get(VERDICT_TAG)
        with self._locked(contract) as connection:
            entries = self._with_adopted(connection, contract)
            champion = entries[-1].after if entries else None
            if entries and champion == version:
                together(connection)
                return changes(entries)[-1]
            if expected_champion not in {ANYBODY, champion}:
                raise ChampionChanged(
                    f"{contract.model} is served by {_named(champion)}, not by {_named(expected_champion)}"
                )
            if version in rolled_back(entries) and not force:
                raise VersionRolledBack(
                    f"version {version} of {contract.model} was rolled back; force it if it must be"
                )
            if verdict == REJECTED and not force:
                raise VersionRejected(
                    f"the gate rejected version {version} of {contract.model}; force it if it must be"
                )
            entry = next_entry(
                contract.model, entries, Action.PROMOTE, version, actor=actor, reason=reason, forced=force
            )
            _write(connection, entry)
            together(connection)
        self._follow(contract, entry)
        return entry

    def rollback(self, contract: Contract, *, reason: str, actor: str) -> Entry:
        """Let the champion before this one serve again.

        Raises:
            NothingToRollBackTo: there was none.
            ModelVersionNotFound: it is not in the registry any more.
        """
        with self._locked(contract) as connection:
            entries = self._with_adopted(connection, contract)
            line = succession(entries)
            if len(line) < 2:  # noqa: PLR2004 # the champion and the one before
                raise NothingToRollBackTo(f"{contract.model} has had no champion before this one")
            self.verified(contract, line[-2])  # an alias cannot point at what was deleted meanwhile
            entry = next_entry(contract.model, entries, Action.ROLLBACK, line[-2], actor=actor, reason=reason)
            _write(connection, entry)
        self._follow(contract, entry)
        return entry

    def append(
        self, contract: Contract, decide: Callable[[Sequence[Entry]], Entry], *, together: Together = alone
    ) -> Entry:
        """Write the entry that somebody decides on in the face of the history, while nobody else can change that; the
        last entry stands for no change. `together` is as in `promote`.
        """
        with self._locked(contract) as connection:
            entries = self._with_adopted(connection, contract)
            entry = decide(entries)
            together(connection)
            if entry in entries:
                return entry
            _write(connection, entry)
        self._follow(contract, entry)
        return entry

    def champion(self, contract: Contract) -> str | None:
        """The version that serves by the history or, where that is empty, by the registry; none before the first."""
        entries = self.entries(contract)
        return entries[-1].after if entries else self._registry.aliases(contract.registered_model).get(CHAMPION)

    def entries(self, contract: Contract) -> list[Entry]:
        """The whole history, oldest first."""
        with self._transaction() as connection:
            return _entries(connection, contract)

    def held_since(self, contract: Contract) -> dict[tuple[str, str], datetime]:
        """Since when the versions behind `champion` and `previous` have been that, by alias and version."""
        return held_since(self.entries(contract))

    def live_at(self, contract: Contract, moment: datetime) -> Entry | None:
        """The entry that made the champion of a moment."""
        return live_at(self.entries(contract), moment)

    def first_break(self, contract: Contract) -> int | None:
        """Where the history was tampered with, if anywhere."""
        return first_break(self.entries(contract))

    def verified(self, contract: Contract, version: str) -> Version:
        """A version that this platform's pipeline has registered.

        Raises:
            ModelVersionNotFound: there is no such version.
            VersionUnverified: it was registered by somebody else.
        """
        try:
            found = self._registry.version(contract.registered_model, version)
        except ModelVersionNotFound:
            raise ModelVersionNotFound(f"{contract.model} has no version {version}") from None
        if MANIFEST_TAG not in found["tags"]:
            raise VersionUnverified(
                f"version {version} of {contract.model} has no manifest: no predictor would take it"
            )
        return found

    def settle(self, contract: Contract) -> None:
        """Make aliases and traffic say what the last entry says.

        Whoever does so has a lock of his own: however long the registry takes, nobody waits with a new entry for it.

        Raises:
            ModelVersionNotFound, RegistryRefused: something cannot be; all the rest is done.
        """
        troubles: list[ModelVersionNotFound | RegistryRefused] = []
        with self._locked(contract, _ALIASES) as connection:
            steps = steps_to_follow(self._registry, contract, _entries(connection, contract))
            for step in steps:
                try:
                    step()
                except (ModelVersionNotFound, RegistryRefused) as error:
                    troubles.append(error)
        if len(steps) > len(troubles):
            self._events.changed(contract.model)
        if troubles:
            raise troubles[0]

    def settle_all(self) -> list[str]:
        """The same for every model that needs it; for whoever looks after things from time to time.

        Returns:
            The models whose aliases and traffic now say what the history says.
        """
        settled = []
        for contract in CONTRACTS.values():
            try:
                self._adopt(contract)
                if steps_to_follow(self._registry, contract, self.entries(contract)):
                    self.settle(contract)
                settled.append(contract.model)
            except (ModelVersionNotFound, RegistryRefused) as error:
                # Somebody deleted the version, say: that is no reason to leave the other models alone.
                _log.warning("the aliases cannot follow the history", model=contract.model, reason=str(error))
        return settled

    def _follow(self, contract: Contract, entry: Entry) -> None:
        """Tell of an entry that is kept, and let the registry follow it."""
        _tell(entry)
        try:
            self.settle(contract)
        except Exception as error:  # noqa: BLE001 # the entry stands, and upkeep settles again
            _log.warning("the aliases will follow later", model=contract.model, reason=str(error))

    def _adopt(self, contract: Contract) -> None:
        """Begin a history that is empty with the champion that the registry has, if it has one."""
        if not self.entries(contract) and self.champion(contract):
            with self._locked(contract) as connection:
                self._with_adopted(connection, contract)

    def _with_adopted(self, connection: Connection, contract: Contract) -> list[Entry]:
        """The history; one that is empty begins with the champion that the registry has."""
        entries = _entries(connection, contract)
        if entries:
            return entries
        champion = self._registry.aliases(contract.registered_model).get(CHAMPION)
        if champion is None:
            return []
        adopted = next_entry(
            contract.model, [], Action.ADOPT, champion, actor=_PLATFORM, reason="found in the registry"
        )
        _write(connection, adopted)
        _tell(adopted)
        return [adopted]

    @contextmanager
    def _locked(self, contract: Contract, what: str = _HISTORY) -> Iterator[Connection]:
        """A transaction that is the only one to change this model's history or its aliases, in all processes."""
        key = contract.model + what
        with self._turns[key], self._transaction() as connection:
            # The row is locked by being written, which SQLite understands, too: there it locks the database.
            now = datetime.now(UTC)
            row = _INSERTS[self._engine.dialect.name](promotion_locks).values(model=key, taken_at=now)
            connection.execute(row.on_conflict_do_update(index_elements=["model"], set_={"taken_at": now}))
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the database does not answer: {type(error).__name__}") from error


def _turns(engine: Engine) -> Mapping[str, Lock]:
    """A lock for each row that is locked. SQLite has one for all, and its own waiting is neither fair nor patient."""
    keys = [model + what for what in (_HISTORY, _ALIASES) for model in CONTRACTS]
    return dict.fromkeys(keys, Lock()) if engine.dialect.name == "sqlite" else {key: Lock() for key in keys}


def _write(connection: Connection, entry: Entry) -> None:
    traffic = entry.traffic and entry.traffic.model_dump(mode="json")
    connection.execute(insert(promotions).values({**entry.model_dump(exclude={"traffic"}), "traffic": traffic}))


def _tell(entry: Entry) -> None:
    facts = entry.model_dump(include={"model", "before", "after", "actor", "reason", "traffic"}, exclude_none=True)
    _log.info(entry.action, **facts)


def _entries(connection: Connection, contract: Contract) -> list[Entry]:
    mine = select(promotions).where(promotions.c.model == contract.model).order_by(promotions.c.sequence)
    return [Entry.model_validate(row) for row in connection.execute(mine)]


def _named(version: str | None) -> str:
    return f"version {version}" if version else "no version"
