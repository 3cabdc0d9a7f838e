"""Rollouts: who challenges the champion, and what it gets, by hand or by a ramp."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from mlplatform.contracts import contract_of
from trainer.promotions.history import Entry
from trainer.promotions.ramp import Ramp
from trainer.promotions.traffic import TrafficControl
from trainer.routes.models import NUMBER, Reason, actor_of


class ChallengerRequest(BaseModel):
    """Which version is to challenge the champion, and why."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(pattern=NUMBER, examples=["3"])
    reason: Reason
    force: bool = Field(default=False, description="Even if the gate rejected it, or it was rolled back before.")


class WithdrawalRequest(BaseModel):
    """Why nobody is to challenge the champion any more."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class TrafficRequest(BaseModel):
    """How to share the champion's traffic with the challenger."""

    model_config = ConfigDict(extra="forbid")

    challenger_percent: float = Field(
        default=0, ge=0, le=100, multiple_of=0.01, description="The challenger's share of all requests.", examples=[5]
    )
    shadow: bool = Field(default=False, description="Let it answer a copy of the champion's share, for comparison.")
    expires_at: AwareDatetime | None = Field(default=None, description="When all is the champion's again.")
    reason: Reason = "no reason was given"

    @field_validator("expires_at")
    @classmethod
    def _is_to_come(cls, value: datetime | None) -> datetime | None:
        if value is not None and value <= datetime.now(UTC):
            raise ValueError("it should be in the future")
        return value


class RampRequest(Ramp):
    """How the challenger's share is to grow."""

    reason: Reason = "no reason was given"

    def ramp(self) -> Ramp:
        """Without what is of this request only."""
        return Ramp.model_validate(self.model_dump(exclude={"reason"}))


def rollout_routes(traffic: TrafficControl) -> APIRouter:
    """The routes over the control of traffic. Predictors follow within seconds."""
    routes = APIRouter(prefix="/models", tags=["models"])

    @routes.put("/{model}/challenger", summary="Let a version challenge the champion")
    def challenge(model: str, asked: ChallengerRequest, request: Request) -> Entry:
        """The entry of the history that this became, or the last one where the version is challenger already. Traffic
        has to be granted to it; what another challenger had ends.
        """
        return traffic.challenge(
            contract_of(model), asked.version, reason=asked.reason, actor=actor_of(request), force=asked.force
        )

    @routes.delete("/{model}/challenger", summary="Take the challenger away")
    def withdraw(model: str, asked: WithdrawalRequest, request: Request) -> Entry:
        """The entry of the history that this became; `traffic` names the version. What it had ends."""
        return traffic.withdraw(contract_of(model), reason=asked.reason, actor=actor_of(request))

    @routes.put("/{model}/traffic", summary="Share the champion's traffic with the challenger")
    def share(model: str, asked: TrafficRequest, request: Request) -> Entry:
        """The entry of the history that this became. A ramp that was under way ends."""
        return traffic.share(
            contract_of(model),
            percent=asked.challenger_percent,
            shadow=asked.shadow,
            expires_at=asked.expires_at,
            reason=asked.reason,
            actor=actor_of(request),
        )

    @routes.post("/{model}/ramp", summary="Let the challenger's share grow step by step")
    def begin_ramp(model: str, asked: RampRequest, request: Request) -> Entry:
        """The entry of its first step. It goes on while errors, latency and disagreement keep their limits, and is
        taken back when they do not; `GET /models/{model}` tells what it waits for.
        """
        return traffic.begin_ramp(contract_of(model), asked.ramp(), reason=asked.reason, actor=actor_of(request))

    @routes.delete("/{model}/ramp", summary="End a ramp, and take its share back")
    def end_ramp(model: str, request: Request) -> Entry:
        return traffic.end_ramp(contract_of(model), reason="ended by hand", actor=actor_of(request))

    return routes
