"""Letting a version serve."""

from typing import Protocol

from mlplatform.registry.manifest import CHAMPION


class Aliases(Protocol):
    """What of the registry a promotion touches; `MlflowClient` has it."""

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point the alias of a registered model at a version."""
        ...


def promote(aliases: Aliases, registered_model: str, version: str) -> None:
    """Make a registered version the champion. Gates and history belong here, before and after this one call."""
    aliases.set_registered_model_alias(registered_model, CHAMPION, version)
