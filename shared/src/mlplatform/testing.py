"""Fakes with the real interfaces, for the tests of whatever depends on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlplatform.contracts import Contract
from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable, TooLarge
from mlplatform.registry import RegisteredModel, StoredVersion


@dataclass
class InMemoryRegistry:
    """A `Registry` of one registered model. `is_up = False` makes every call fail as an outage does."""

    champion: str | None = None
    challenger: str | None = None
    previous: str | None = None
    model_tags: dict[str, str] = field(default_factory=dict)
    version_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    is_up: bool = True

    async def describe(self, registered_model: str) -> RegisteredModel:
        self._check()
        if not self.version_tags:
            raise ModelVersionNotFound(registered_model)
        aliases = {"champion": self.champion, "challenger": self.challenger, "previous": self.previous}
        return RegisteredModel({alias: version for alias, version in aliases.items() if version}, dict(self.model_tags))

    async def tags(self, registered_model: str, version: str) -> Mapping[str, str]:
        self._check()
        if version not in self.version_tags:
            raise ModelVersionNotFound(f"{registered_model} {version}")
        return self.version_tags[version]

    async def fetch(self, registered_model: str, version: str, file: str, most_bytes: int) -> bytes:
        self._check()
        if (version, file) not in self.files:
            raise ModelVersionNotFound(f"{registered_model} {version} {file}")
        if len(self.files[version, file]) > most_bytes:
            raise TooLarge(f"{file} has more than {most_bytes} bytes")
        return self.files[version, file]

    def _check(self) -> None:
        if not self.is_up:
            raise RegistryUnavailable("the registry is down")


async def untried(contract: Contract, stored: StoredVersion) -> None:
    """A `Trial` that lets every version pass: what it would have found, loading finds as well."""
