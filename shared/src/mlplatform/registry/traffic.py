"""How a model's traffic is shared between champion and challenger: one tag of the registered model."""

import hashlib

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

    def as_tag(self) -> str:
        """What predictors are told."""
        return self.model_dump_json(include=set(Traffic.model_fields))

    @property
    def mark(self) -> str:
        """Names exactly this traffic, and tells nothing of the salt."""
        return hashlib.sha256(self.as_tag().encode()).hexdigest()[:16]


def read_traffic(tag: str | None) -> Traffic | None:
    """The traffic that a tag tells of; none where there is no tag, or one that cannot be read."""
    try:
        return Traffic.model_validate_json(tag) if tag else None
    except ValidationError:
        return None
