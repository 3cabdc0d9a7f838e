"""Who challenges the champion, and what it gets: a share of the requests, copies of the others, a ramp.

Each change is an entry of the history, so that any process can go on with what another began.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from mlplatform.contracts import Contract
from mlplatform.registry.manifest import CHALLENGER
from trainer.errors import (
    ChallengerMissing,
    ChampionItself,
    RampInProgress,
    RampMissing,
    VersionRejected,
    VersionRolledBack,
)
from trainer.promotions.history import Action, Entry, next_entry, rolled_back, traffic_of, unwanted
from trainer.promotions.ledger import Ledger, Together, alone
from trainer.promotions.ramp import Ramp, TrafficPlan
from trainer.promotions.registry import REJECTED, VERDICT_TAG, Registry, Version


class TrafficControl:
    """Changes of challengers and their traffic. What the ledger raises comes through."""

    def __init__(self, ledger: Ledger, registry: Registry) -> None:
        self._ledger = ledger
        self._registry = registry

    def challenge(
        self,
        contract: Contract,
        version: str,
        *,
        reason: str,
        actor: str,
        force: bool = False,
        together: Together = alone,
    ) -> Entry:
        """Let a version challenge the champion, without traffic yet; what another challenger had ends.

        The history stays as it is when it has it as challenger already. `together` is as in `Ledger.promote`.

        Raises:
            ModelVersionNotFound: there is no such version.
            VersionUnverified: it was not registered by this platform's pipeline.
            ChampionItself: it serves.
            VersionRejected, VersionRolledBack: the gate or somebody did not want it, and `force` is not given.
            ChallengerMissing: there is no champion to challenge.
        """
        found = self._ledger.verified(contract, version)

        def decide(entries: Sequence[Entry]) -> Entry:
            champion = _champion(contract, entries)
            if version == champion:
                raise ChampionItself(f"version {version} of {contract.model} is the champion")
            now = traffic_of(entries)
            if now and now.challenger == version:
                return entries[-1]
            if not force:
                _expect_wanted(contract, found, entries)
            plan = TrafficPlan(challenger=version, challenger_percent=0, salt=uuid4().hex)
            return next_entry(
                contract.model,
                entries,
                Action.CHALLENGE,
                champion,
                actor=actor,
                reason=reason,
                forced=force,
                traffic=plan,
            )

        return self._ledger.append(contract, decide, together=together)

    def withdraw(self, contract: Contract, *, reason: str, actor: str) -> Entry:
        """Let nobody challenge the champion any more; what the challenger had ends.

        Raises:
            ChallengerMissing: nobody does.
        """

        def decide(entries: Sequence[Entry]) -> Entry:
            plan = self._plan(contract, entries).model_copy(
                update={"challenger_percent": 0.0, "shadow": False, "expires_at": None, "ramp": None}
            )
            champion = _champion(contract, entries)
            return next_entry(
                contract.model, entries, Action.WITHDRAW, champion, actor=actor, reason=reason, traffic=plan
            )

        return self._ledger.append(contract, decide)

    def share(
        self,
        contract: Contract,
        *,
        percent: float,
        shadow: bool,
        expires_at: datetime | None,
        reason: str,
        actor: str,
    ) -> Entry:
        """Grant the challenger a share of the champion's traffic, or a copy of it; nothing, and it is all as before.

        While the share of the same challenger grows, subjects that are the challenger's stay so. A ramp ends here;
        the next promotion, rollback or challenger ends the share.

        Raises:
            ChallengerMissing: there is no champion, or no challenger that a share could be granted to.
        """

        def decide(entries: Sequence[Entry]) -> Entry:
            plan = self._plan(contract, entries, is_end=not percent and not shadow)
            granted = {"challenger_percent": percent, "shadow": shadow, "expires_at": expires_at, "ramp": None}
            return _entry(contract, entries, plan.model_copy(update=granted), reason=reason, actor=actor)

        return self._ledger.append(contract, decide)

    def begin_ramp(self, contract: Contract, ramp: Ramp, *, reason: str, actor: str) -> Entry:
        """Grant the challenger the first share of a ramp that is not less than what it has, and the shadow's copies.

        Raises:
            RampInProgress: there is one already.
            ChallengerMissing: as `share` does.
            VersionRejected, VersionRolledBack: it is to be promoted at the end, which nobody has forced.
        """

        def decide(entries: Sequence[Entry]) -> Entry:
            plan = self._plan(contract, entries)
            if ramp.promotes and not _was_forced(plan.challenger, entries):
                _expect_wanted(contract, self._ledger.verified(contract, plan.challenger), entries)
            if plan.ramp:
                raise RampInProgress(f"a ramp of {contract.model} is under way; end it first")
            first = next((step for step in ramp.steps if step >= plan.challenger_percent), ramp.steps[-1])
            granted = {"challenger_percent": first, "shadow": True, "expires_at": None, "ramp": ramp}
            return _entry(contract, entries, plan.model_copy(update=granted), reason=reason, actor=actor)

        return self._ledger.append(contract, decide)

    def end_ramp(self, contract: Contract, *, reason: str, actor: str) -> Entry:
        """Take its share back.

        Raises:
            RampMissing: there is none.
        """
        step = self.ramp(contract)
        if step is None:
            raise RampMissing(f"no ramp of {contract.model} is under way")
        return self.go_on(contract, step, 0, reason=reason, actor=actor)

    def finish_ramp(self, contract: Contract, step: Entry, *, reason: str, actor: str) -> Entry:
        """Let the challenger of a ramp be champion.

        Raises:
            RampMissing: something else was said since that step.
            ModelVersionNotFound, VersionUnverified: as when a version is promoted.
        """
        plan = _granted(contract, step)
        self._ledger.verified(contract, plan.challenger)

        def decide(entries: Sequence[Entry]) -> Entry:
            _expect_last(contract, step, entries)
            return next_entry(
                contract.model,
                entries,
                Action.PROMOTE,
                plan.challenger,
                actor=actor,
                reason=reason,
                # Who let it challenge although it was rolled back once, has forced it already.
                forced=plan.challenger in rolled_back(entries),
            )

        return self._ledger.append(contract, decide)

    def go_on(self, contract: Contract, step: Entry, percent: float, *, reason: str, actor: str) -> Entry:
        """The next share of a ramp, or 0 to end it.

        Raises:
            RampMissing: something else was said since that step.
        """

        def decide(entries: Sequence[Entry]) -> Entry:
            _expect_last(contract, step, entries)
            ends: dict[str, object] = {} if percent else {"shadow": False, "ramp": None}
            plan = _granted(contract, step).model_copy(update={"challenger_percent": percent, **ends})
            return _entry(contract, entries, plan, reason=reason, actor=actor)

        return self._ledger.append(contract, decide)

    def ramp(self, contract: Contract) -> Entry | None:
        """The step that a ramp is in, if one is under way."""
        entries = self._ledger.entries(contract)
        return entries[-1] if entries and entries[-1].traffic and entries[-1].traffic.ramp else None

    def _plan(self, contract: Contract, entries: Sequence[Entry], *, is_end: bool = False) -> TrafficPlan:
        """What the challenger has now, nothing once time is up; what the history says goes before the alias."""
        champion, now = _champion(contract, entries), traffic_of(entries)
        alias = self._registry.aliases(contract.registered_model).get(CHALLENGER)
        if now and now.challenger != champion:
            return now.model_copy(update={"challenger_percent": 0.0}) if now.is_over(datetime.now(UTC)) else now
        if alias in unwanted(entries):
            alias = None  # which has not followed yet
        if alias in {None, champion} and not is_end:
            raise ChallengerMissing(f"{contract.model} has no challenger beside its champion")
        return TrafficPlan(challenger=alias or champion, challenger_percent=0, salt=uuid4().hex)


def _champion(contract: Contract, entries: Sequence[Entry]) -> str:
    if not entries:
        raise ChallengerMissing(f"{contract.model} has no champion beside which there could be a challenger")
    return entries[-1].after


def _expect_wanted(contract: Contract, found: Version, entries: Sequence[Entry]) -> None:
    """Neither the gate nor a rollback has said no to it."""
    version = found["version"]
    if found["tags"].get(VERDICT_TAG) == REJECTED:
        raise VersionRejected(f"the gate rejected version {version} of {contract.model}; force it if it must be")
    if version in rolled_back(entries):
        raise VersionRolledBack(f"version {version} of {contract.model} was rolled back; force it if it must be")


def _was_forced(version: str, entries: Sequence[Entry]) -> bool:
    """Whether somebody let it challenge in spite of what was said of it, and it was not rolled back since."""
    for entry in reversed(entries):
        if entry.action is Action.ROLLBACK and entry.before == version:
            return False
        if entry.action is Action.CHALLENGE and entry.traffic and entry.traffic.challenger == version:
            return entry.forced
    return False


def _granted(contract: Contract, step: Entry) -> TrafficPlan:
    if step.traffic is None:
        raise RampMissing(f"entry {step.sequence} of {contract.model} is no step of a ramp")
    return step.traffic


def _expect_last(contract: Contract, step: Entry, entries: Sequence[Entry]) -> None:
    if entries[-1].sequence != step.sequence:
        raise RampMissing(f"the ramp of {contract.model} went on or ended meanwhile")


def _entry(contract: Contract, entries: Sequence[Entry], traffic: TrafficPlan, *, reason: str, actor: str) -> Entry:
    champion = _champion(contract, entries)
    return next_entry(contract.model, entries, Action.TRAFFIC, champion, actor=actor, reason=reason, traffic=traffic)
