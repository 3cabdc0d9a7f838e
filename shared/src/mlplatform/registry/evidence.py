"""What a replica has seen of a challenger since its traffic was last changed: for whoever decides how it goes on."""

from pydantic import BaseModel, Field


class Evidence(BaseModel):
    """Counts under one traffic, named by its `mark`.

    `assigned` requests were the challenger's and it was loaded; of those the champion had to answer `failed`. Of the
    shadow's copies, `compared` were answered by both, with `rows` rows in `champion_seconds` and `challenger_seconds`,
    and at `shadow_failed` the challenger failed.
    """

    mark: str
    assigned: int = 0
    failed: int = 0
    compared: int = 0
    shadow_failed: int = 0
    rows: int = 0
    disagreement: float = Field(
        default=0.0,
        description="Added up over rows: 1 for another label, the relative difference of a number, at most 1.",
    )
    champion_seconds: float = 0.0
    challenger_seconds: float = 0.0

    @property
    def tried(self) -> int:
        """How often the challenger had to answer."""
        return self.assigned + self.compared + self.shadow_failed
