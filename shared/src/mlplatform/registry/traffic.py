"""How a model's traffic is shared between champion and challenger: one tag of the registered model."""

import hashlib
from datetime import datetime
from functools import lru_cache

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

TRAFFIC_TAG = "mlplatform.traffic"

_log = structlog.get_logger(__name__)


class Traffic(BaseModel):
    """What the tag holds, as JSON.

    `challenger` is the version that the share was granted to: a version that becomes challenger later has to be granted
    its own. `salt` stays the same while the share of one experiment grows. After `expires_at` all is the champion's.
    `entry` is the number of the entry of the history that granted it, so that what is granted again is not the same;
    tags did not always have it.
    """

    model_config = ConfigDict(frozen=True)

    challenger: str
    challenger_percent: float = Field(ge=0, le=100)
    shadow: bool = False
    expires_at: AwareDatetime | None = None
    salt: str
    entry: int | None = None

    def as_tag(self) -> str:
        """What predictors are told."""
        return self.model_dump_json(include=set(Traffic.model_fields))

    def is_over(self, moment: datetime) -> bool:
        """Whether all is the champion's again."""
        return self.expires_at is not None and self.expires_at <= moment

    @property
    def mark(self) -> str:
        """Names exactly this traffic, and tells nothing of the salt."""
        return hashlib.sha256(self.as_tag().encode()).hexdigest()[:16]


def read_traffic(tag: str | None) -> Traffic | None:
    """The traffic that a tag tells of; none where there is no tag, or one that cannot be read, which the log says."""
    return _read(tag) if tag else None


@lru_cache(maxsize=16)
def _read(tag: str) -> Traffic | None:
    """Each once, however often the registry is asked: so the log says it once, too."""
    try:
        return Traffic.model_validate_json(tag)
    except ValidationError as error:
        # Without what was given: the salt may be in it.
        found = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)]
        _log.warning("the traffic cannot be read, all is the champion's", tag=TRAFFIC_TAG, reason="; ".join(found))
        return None
