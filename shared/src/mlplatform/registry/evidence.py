"""What a replica has seen of a challenger since its traffic was last changed: for whoever decides how it goes on."""

from typing import Annotated

from pydantic import BaseModel, Field, NonNegativeInt

_Sum = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""No limit is ever passed by what is not a number."""


class Evidence(BaseModel):
    """Counts under one traffic, named by its `mark`.

    `assigned` requests were the challenger's and it was loaded; of those the champion had to answer `failed`. Of the
    shadow's copies, `compared` were answered by both, with `rows` rows in `champion_seconds` and `challenger_seconds`,
    and at `shadow_failed` the challenger failed.
    """

    mark: str
    assigned: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    compared: NonNegativeInt = 0
    shadow_failed: NonNegativeInt = 0
    rows: NonNegativeInt = 0
    disagreement: _Sum = Field(
        default=0.0,
        description="Added up over rows: 1 for another label, the relative difference of a number, at most 1.",
    )
    champion_seconds: _Sum = 0.0
    challenger_seconds: _Sum = 0.0

    @property
    def tried(self) -> int:
        """How often the challenger had to answer."""
        return self.assigned + self.compared + self.shadow_failed
