"""Letting a version serve."""

from trainer.promotion import promote


class Registry:
    """The aliases of a registry."""

    def __init__(self) -> None:
        self.aliases: dict[tuple[str, str], str] = {}

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.aliases[name, alias] = version


def test_a_promoted_version_is_the_champion() -> None:
    registry = Registry()
    promote(registry, "IrisBestModel", "3")
    assert registry.aliases == {("IrisBestModel", "champion"): "3"}
