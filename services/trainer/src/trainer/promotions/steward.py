"""Looks after ramps: each round a step is judged, and goes on, or its share is taken back.

What is known of a ramp lies in the history alone, so that a round needs nothing of the one before.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.errors import PlatformError
from trainer.promotions.history import Entry, rolled_back
from trainer.promotions.ledger import Ledger
from trainer.promotions.ramp import Judgement, Verdict, judge
from trainer.promotions.replicas import Replica, Replicas
from trainer.promotions.traffic import TrafficControl

ACTOR = "ramp"

_log = structlog.get_logger(__name__)


class Steward:
    """Judges by what the replicas have seen."""

    def __init__(self, ledger: Ledger, traffic: TrafficControl, replicas: Replicas) -> None:
        self._ledger = ledger
        self._traffic = traffic
        self._replicas = replicas

    def go_round(self) -> None:
        """Look after every model; what cannot be done now is done in a later round."""
        for contract in CONTRACTS.values():
            try:
                self.look_after(contract)
            except PlatformError as error:
                _log.warning("the ramp is looked after later", model=contract.model, reason=str(error))
            except Exception:  # noqa: BLE001 # whatever a replica says, upkeep has more to do
                _log.exception("looking after the ramp failed", model=contract.model)

    def look_after(self, contract: Contract) -> Judgement | None:
        """Judge a ramp and do what follows; none when there is none."""
        step = self._traffic.ramp(contract)
        if step is None or step.traffic is None or step.traffic.ramp is None:
            return None
        plan, ramp = step.traffic, step.traffic.ramp
        judgement = verdict_on(step, self._replicas.of(contract.model))
        if judgement is None:
            return None
        if judgement.verdict is Verdict.ADVANCE:
            percent = ramp.after(plan.challenger_percent) or plan.challenger_percent
            self._traffic.go_on(contract, step, percent, reason=judgement.reason, actor=ACTOR)
        elif judgement.verdict is Verdict.STOP:
            self._traffic.go_on(contract, step, 0, reason=f"stopped: {judgement.reason}", actor=ACTOR)
        elif judgement.verdict is Verdict.DONE and ramp.promotes:
            self._ledger.promote(
                contract,
                plan.challenger,
                reason=judgement.reason,
                actor=ACTOR,
                expected_champion=step.after,
                # Who let it challenge although it was rolled back once, has forced it already.
                force=plan.challenger in rolled_back(self._ledger.entries(contract)),
            )
        return judgement


def verdict_on(step: Entry, replicas: Sequence[Replica]) -> Judgement | None:
    """What would be done now of a step, and why; none when no ramp goes on from there."""
    plan = step.traffic
    if plan is None or plan.ramp is None:
        return None
    refused = {replica.address: replica.refused.get(plan.challenger) for replica in replicas}
    return judge(
        plan,
        plan.ramp,
        since=step.at,
        now=datetime.now(UTC),
        seen=[replica.evidence for replica in replicas if replica.evidence],
        silent=[f"{replica.address} ({replica.trouble})" for replica in replicas if replica.trouble],
        refused=[f"{address} ({why['reason']})" for address, why in refused.items() if why],
    )
