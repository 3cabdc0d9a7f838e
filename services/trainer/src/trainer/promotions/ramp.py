"""How a challenger's share grows by itself, and when it is taken back. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlplatform.registry.evidence import Evidence
from mlplatform.registry.traffic import Traffic

_FEW = 20
"""Below it, a share says nothing."""

_LONG_SECONDS = 1.0
"""What took a challenger so much longer than allowed says something, however few the requests."""

_WHOLE = 100.0


class Limits(BaseModel):
    """What takes the challenger's share back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_percent: float = Field(default=1.0, ge=0, le=100, description="Requests that it could not answer.")
    disagreement_percent: float = Field(
        default=25.0, ge=0, le=100, description="Rows with another label, or by how much numbers differ on average."
    )
    latency_ratio: float = Field(
        default=2.0, gt=0, allow_inf_nan=False, description="Its time for the same rows over the champion's."
    )


class Ramp(BaseModel):
    """The shares one after the other, how long each is to be seen, and what at most may be seen of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[float, ...] = Field(default=(1.0, 5.0, 25.0, 50.0, 100.0), min_length=1, max_length=20)
    soak_seconds: float = Field(default=600.0, gt=0, le=30 * 24 * 3600, description="The least time of each step.")
    min_requests: int = Field(
        default=100, ge=1, le=10**9, description="How often the challenger must have answered in a step."
    )
    limits: Limits = Limits()
    promotes: bool = Field(default=False, description="Whether the challenger becomes champion after the last step.")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not all(0 < step <= _WHOLE for step in self.steps) or not all(a < b for a, b in pairwise(self.steps)):
            raise ValueError("steps should grow, from above 0 to at most 100 percent")
        return self

    def after(self, percent: float) -> float | None:
        """The next share; none after the last."""
        return next((step for step in self.steps if step > percent), None)


class TrafficPlan(Traffic):
    """What a challenger gets, and the ramp that it goes on by, which is no affair of the predictors."""

    ramp: Ramp | None = None


class Verdict(StrEnum):
    """What to do now."""

    WAIT = "wait"
    ADVANCE = "advance"
    STOP = "stop"
    DONE = "done"


class Judgement(BaseModel):
    """A verdict, its reason, and what it stands on."""

    verdict: Verdict
    reason: str
    evidence: Evidence


def judge(
    plan: TrafficPlan,
    ramp: Ramp,
    *,
    since: datetime,
    now: datetime,
    seen: Iterable[Evidence],
    silent: Sequence[str] = (),
    broken: Sequence[str] = (),
) -> Judgement:
    """What to do of the step that a challenger is in since a moment.

    Args:
        plan: the step.
        ramp: the plan's.
        since: when the step began.
        now: the present.
        seen: what each replica has seen.
        silent: the replicas that do not tell.
        broken: those that refuse the challenger or answer nothing any more, as the reason to stop.
    """
    total = _total(plan, seen)
    left = since + timedelta(seconds=ramp.soak_seconds) - now
    alarm, following = _alarm(ramp, total), ramp.after(plan.challenger_percent)
    if broken:
        verdict, reason = Verdict.STOP, "; ".join(broken)
    elif alarm:
        verdict, reason = Verdict.STOP, alarm
    elif silent:
        verdict, reason = Verdict.WAIT, f"not every replica tells what it has seen: {'; '.join(silent)}"
    elif total.tried < ramp.min_requests:
        verdict, reason = Verdict.WAIT, f"it has answered {total.tried} of {ramp.min_requests} requests"
    elif left > timedelta():
        verdict, reason = Verdict.WAIT, f"{left.total_seconds():.0f} s of the step are left"
    elif following is None:
        verdict, reason = Verdict.DONE, "every step was passed"
    else:
        verdict, reason = Verdict.ADVANCE, f"{plan.challenger_percent:g} % was passed, {following:g} % follows"
    return Judgement(verdict=verdict, reason=reason, evidence=total)


def _total(plan: TrafficPlan, seen: Iterable[Evidence]) -> Evidence:
    """The sum of what was seen under this traffic, and of nothing else."""
    fitting = [each for each in seen if each.mark == plan.mark]
    counts = {name: sum(getattr(each, name) for each in fitting) for name in Evidence.model_fields.keys() - {"mark"}}
    return Evidence(mark=plan.mark, **counts)


def _alarm(ramp: Ramp, total: Evidence) -> str | None:
    limits = ramp.limits
    copies = total.compared + total.shadow_failed
    for failed, of, what in (
        (total.failed, total.assigned, "requests"),
        (total.shadow_failed, copies, "copies of requests"),
    ):
        if of >= _FEW and 100 * failed / of > limits.error_percent:
            return f"it could not answer {failed} of {of} {what}; {limits.error_percent:g} % are allowed"
    differing = 100 * total.disagreement / max(total.rows, 1)
    if total.rows >= _FEW and differing > limits.disagreement_percent:
        return f"it disagrees by {differing:.1f} %; {limits.disagreement_percent:g} % are allowed"
    too_long = total.challenger_seconds - limits.latency_ratio * total.champion_seconds
    if too_long > 0 and (total.compared >= _FEW or too_long > _LONG_SECONDS):
        ratio = total.challenger_seconds / max(total.champion_seconds, 1e-9)
        return f"it takes {ratio:.2f} times as long as the champion; {limits.latency_ratio:g} is allowed"
    return None
