"""Whether a version of the registry is the one that the history means by its number.

A registry that has lost its store counts from the beginning again: then a number of the history is another version's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mlplatform.contracts import Contract
from mlplatform.errors import ModelVersionNotFound
from trainer.promotions.history import Entry, chosen_at
from trainer.promotions.registry import Version

_CLOCKS_APART = timedelta(minutes=1)
"""At most, those of the trainer and of MLflow."""


def is_another(found: Version, entries: Sequence[Entry]) -> bool:
    """Whether a version was made only after the history spoke of its number."""
    chosen = chosen_at(entries, found["version"])
    made = datetime.fromtimestamp(int(found["creation_timestamp"]) / 1000, UTC)
    return chosen is not None and made > chosen + _CLOCKS_APART


def expect_meant(contract: Contract, found: Version, entries: Sequence[Entry]) -> None:
    """A version of the registry is the one that the history means.

    Raises:
        ModelVersionNotFound: it is another one.
    """
    if is_another(found, entries):
        raise ModelVersionNotFound(
            f"the version {found['version']} of {contract.model} that the history means is gone: the one there is newer"
        )
