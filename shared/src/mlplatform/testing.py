"""Fakes with the real interfaces, for the tests of whatever depends on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable


@dataclass
class InMemoryRegistry:
    """A `Registry` of one registered model. `is_up = False` makes every call fail as an outage does."""

    champion: str | None = None
    version_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    is_up: bool = True

    async def aliases(self, registered_model: str) -> Mapping[str, str]:
        self._check()
        if not self.version_tags:
            raise ModelVersionNotFound(registered_model)
        return {"champion": self.champion} if self.champion else {}

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        self._check()
        if version not in self.version_tags:
            raise ModelVersionNotFound(f"{registered_model} {version}")
        return self.version_tags[version]

    async def fetch(self, registered_model: str, version: str, file: str) -> bytes:
        self._check()
        if (version, file) not in self.files:
            raise ModelVersionNotFound(f"{registered_model} {version} {file}")
        return self.files[version, file]

    def _check(self) -> None:
        if not self.is_up:
            raise RegistryUnavailable("the registry is down")
