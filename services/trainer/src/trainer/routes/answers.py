"""What the routes of models answer."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from trainer.promotions.history import Entry
from trainer.promotions.ramp import Judgement, Ramp


class Holder(BaseModel):
    """The version behind an alias."""

    version: str
    since: AwareDatetime | None = Field(description="From the history; it is not told of challengers.")


class ModelSummary(BaseModel):
    """A model and who serves it: the champion; the challenger waits, the previous one is what a rollback goes to."""

    model: str
    registered_model: str
    aliases: dict[str, str]
    holders: dict[str, Holder] = Field(description="By alias.")


class ModelList(BaseModel):
    """All models of the platform."""

    models: list[ModelSummary]


class VersionSummary(BaseModel):
    """A registered version."""

    version: str
    aliases: list[str]
    created_at: int = Field(description="Milliseconds since 1970.")
    description: str
    candidate: str | None
    effort: str | None
    verdict: str | None = Field(description="What the gate said.")
    holdout: dict[str, float] = Field(description="What it scores on the hold-out.")
    card: str | None = Field(description="Where its card is; none of versions before there were cards.")


class TrafficSummary(BaseModel):
    """How the traffic is shared; `is_active` only while that very challenger is there and time is not up."""

    challenger: str
    challenger_percent: float
    shadow: bool
    expires_at: AwareDatetime | None
    is_active: bool


class RampState(BaseModel):
    """A ramp that is under way."""

    plan: Ramp
    since: AwareDatetime = Field(description="When the present step began.")
    judgement: Judgement = Field(description="What would be done now, why, and what all replicas have seen.")


class ReplicaSummary(BaseModel):
    """The versions that a predictor should have and has, by role; `trouble` is why it does not tell, if so."""

    address: str
    desired: dict[str, str]
    actual: dict[str, str]
    is_converged: bool
    refused: dict[str, Any] = Field(description="Versions that it found bad, and why.")
    trouble: str | None


class ModelDetail(ModelSummary):
    """A model with its latest versions, newest first, how its traffic is shared, none where it is all the champion's,
    and how far each predictor has followed.
    """

    traffic: TrafficSummary | None
    ramp: RampState | None
    replicas: list[ReplicaSummary]
    is_converged: bool = Field(description="Whether there are predictors, and each has what it should.")
    versions: list[VersionSummary]


class VersionDetail(VersionSummary):
    """All that is known of a version."""

    run_id: str
    metrics: dict[str, float] = Field(description="Of its run.")
    parameters: dict[str, str]
    origin: dict[str, str]
    libraries: dict[str, str]
    gate: dict[str, Any] | None = Field(description="What the gate decided and why; none before there was a gate.")


class History(BaseModel):
    """Entries, newest first, and whether the whole chain of them is whole."""

    model: str
    is_whole: bool
    entries: list[Entry]


class Live(BaseModel):
    """What was live at a moment; no entry when nothing was."""

    model: str
    at: AwareDatetime
    entry: Entry | None
