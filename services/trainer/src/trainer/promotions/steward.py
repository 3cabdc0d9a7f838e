"""Looks after ramps: each round a step is judged, and goes on, or its share is taken back.

What is known of a ramp lies in the history alone, so that a round needs nothing of the one before.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from time import sleep

import structlog

from mlplatform.contracts import CONTRACTS, Contract
from mlplatform.errors import PlatformError
from trainer.promotions.history import Entry
from trainer.promotions.ramp import Judgement, Verdict, judge
from trainer.promotions.replicas import Replica, Replicas
from trainer.promotions.traffic import TrafficControl

ACTOR = "ramp"

_YOUNG = timedelta(minutes=1)
_ASKED = 3
_PAUSE_SECONDS = 4.0
"""A replica that restarts is back before it was asked so often; a round has a minute for all models."""

_log = structlog.get_logger(__name__)


class Steward:
    """Judges by what the replicas have seen; `now` and `pause` are the clock and the sleep."""

    def __init__(
        self,
        traffic: TrafficControl,
        replicas: Replicas,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._traffic = traffic
        self._replicas = replicas
        self._now = now
        self._pause = pause

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
        replicas, lost = self._ask(step)
        judgement = verdict_on(step, replicas, lost, now=self._now())
        if judgement is None:
            return None
        if judgement.verdict is Verdict.ADVANCE:
            percent = ramp.after(plan.challenger_percent) or plan.challenger_percent
            self._traffic.go_on(contract, step, percent, reason=judgement.reason, actor=ACTOR)
        elif judgement.verdict is Verdict.STOP:
            self._traffic.go_on(contract, step, 0, reason=f"stopped: {judgement.reason}", actor=ACTOR)
        elif judgement.verdict is Verdict.DONE and ramp.promotes:
            self._traffic.finish_ramp(contract, step, reason=judgement.reason, actor=ACTOR)
        return judgement

    def _ask(self, step: Entry) -> tuple[list[Replica], set[str]]:
        """What the replicas say, and the addresses of those that stay silent for longer than a restart takes: there the
        challenger hangs, say. While a step is young nobody is waited for.
        """
        replicas = self._replicas.of(step.model)
        lost = _in_trouble(replicas)
        if self._now() - step.at < _YOUNG:
            return replicas, set()
        for _ in range(1, _ASKED):
            if not lost:
                break
            self._pause(_PAUSE_SECONDS)
            replicas = self._replicas.of(step.model)
            lost &= _in_trouble(replicas)
        return replicas, lost


def verdict_on(
    step: Entry, replicas: Sequence[Replica], lost: Collection[str] = (), *, now: datetime | None = None
) -> Judgement | None:
    """What would be done now of a step, and why; none when no ramp goes on from there. `lost` are the addresses of
    replicas that are given up.
    """
    plan = step.traffic
    if plan is None or plan.ramp is None:
        return None
    silent = {replica.address: why for replica in replicas if (why := replica.silence(plan))}
    refused = {replica.address: why for replica in replicas if (why := replica.refused.get(plan.challenger))}
    return judge(
        plan,
        plan.ramp,
        since=step.at,
        now=now or datetime.now(UTC),
        seen=[replica.evidence for replica in replicas if replica.evidence],
        silent=[f"{address} ({why})" for address, why in silent.items()],
        broken=[
            *(f"{address} refuses to load it ({why['reason']})" for address, why in refused.items()),
            *(f"{address} answers nothing any more ({why})" for address, why in silent.items() if address in lost),
        ],
    )


def _in_trouble(replicas: Sequence[Replica]) -> set[str]:
    return {replica.address for replica in replicas if replica.trouble}
