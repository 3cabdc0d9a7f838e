"""What a predictor knew of the registry when it last heard of it, kept for its next start."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, PositiveFloat


class LastSeen(BaseModel):
    """The aliases and tags of the registered model, when they were told (seconds since 1970), and who served then."""

    model_config = ConfigDict(frozen=True)

    answered_at: PositiveFloat
    serves: str
    aliases: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}

    @property
    def versions(self) -> set[str]:
        """Those that are worth keeping."""
        return {self.serves, *self.aliases.values()}
