"""What a client may choose about a training."""

from dataclasses import dataclass
from enum import StrEnum


class Effort(StrEnum):
    """How hard to look for the best candidate; every version passes the same checks, whatever the effort."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Options:
    """The choices of one training.

    Args:
        effort: how many candidates and folds.
        feedback: whether to train on labelled feedback, too.
    """

    effort: Effort = Effort.FULL
    feedback: bool = False


DEFAULT = Options()
