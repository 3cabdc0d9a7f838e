"""How a model's traffic is shared between champion and challenger: one tag of the registered model."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

TRAFFIC_TAG = "mlplatform.traffic"


class Traffic(BaseModel):
    """What the tag holds, as JSON.

    `challenger` is the version that the share was granted to: a version that becomes challenger later has to be granted
    its own. `salt` stays the same while the share of one experiment grows. After `expires_at` all is the champion's.
    """

    model_config = ConfigDict(frozen=True)

    challenger: str
    challenger_percent: float = Field(ge=0, le=100)
    shadow: bool = False
    expires_at: AwareDatetime | None = None
    salt: str


def read_traffic(tag: str | None) -> Traffic | None:
    """The traffic that a tag tells of; none where there is no tag, or one that cannot be read."""
    try:
        return Traffic.model_validate_json(tag) if tag else None
    except ValidationError:
        return None
