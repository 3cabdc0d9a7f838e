"""Bring the files of a version, from the cache or from the registry, and believe none of them unchecked."""

import asyncio
from dataclasses import dataclass

from pydantic import ValidationError

from mlplatform.errors import ChecksumMismatch, RegistryUnavailable, TooLarge
from mlplatform.registry.cache import ArtifactCache, sha256
from mlplatform.registry.client import Registry
from mlplatform.registry.manifest import MANIFEST_FILE, MANIFEST_TAG, MODEL_FILE, Manifest

_MOST_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version whose bytes are those that were registered; `tried_with` says with what it was tried, if it was."""

    version: str
    manifest: Manifest
    model: bytes
    manifest_bytes: bytes = b""
    tried_with: str = ""

    @property
    def digest(self) -> str:
        """What the registry's tag says of it, too."""
        return sha256(self.manifest_bytes)


class Fetcher:
    """Versions of one registered model, whose ONNX files have at most `most_bytes`."""

    def __init__(self, registered_model: str, registry: Registry, cache: ArtifactCache, most_bytes: int) -> None:
        self._registered_model = registered_model
        self._registry = registry
        self._cache = cache
        self._most_bytes = most_bytes
        self.repairs = 0
        """How often something in the cache could not be read or was corrupt, and was dropped."""

    async def fetch(self, version: str) -> StoredVersion:
        """A version, from the cache when it is there as the registry has it, or when the registry does not answer. It
        is for the caller to `keep` what proves good.

        Raises:
            ChecksumMismatch: the registry's files are not the registered ones, or carry no checksum.
            TooLarge: they have more bytes than they may.
            RegistryUnavailable, ModelVersionNotFound: as the registry says.
        """
        cached = await asyncio.to_thread(self.cached, version)
        try:
            digest = await self.digest(version)
        except RegistryUnavailable:
            if cached:
                return cached
            raise
        return cached if cached and cached.digest == digest else await self._download(version, digest)

    async def digest(self, version: str) -> str:
        """What the registry says of a version; of another one, with the same number, it says something else.

        Raises:
            ChecksumMismatch: nothing.
            RegistryUnavailable, ModelVersionNotFound: as the registry says.
        """
        tags = await self._registry.tags(self._registered_model, version)
        if MANIFEST_TAG not in tags:
            raise ChecksumMismatch(f"version {version} has no checksum: the tag {MANIFEST_TAG} is missing")
        return tags[MANIFEST_TAG]

    def keep(self, stored: StoredVersion, *, tried_with: str) -> None:
        """Let the next start find a version in the cache."""
        self._cache.put(stored.version, stored.manifest_bytes, stored.model, tried_with=tried_with)

    def cached(self, version: str) -> StoredVersion | None:
        """A version from the cache alone; one that is corrupt or unreadable is dropped and counts as absent."""
        try:
            files = self._cache.get(version)
            return files and _verified(version, *files)
        except (ChecksumMismatch, OSError):
            self._cache.drop(version)
            self.repairs += 1
            return None

    async def _download(self, version: str, digest: str) -> StoredVersion:
        manifest = await self._file(version, MANIFEST_FILE, _MOST_MANIFEST_BYTES)
        if sha256(manifest) != digest:
            raise ChecksumMismatch(f"the manifest of version {version} does not match the tag {MANIFEST_TAG}")
        declared = (await asyncio.to_thread(_manifest, version, manifest)).onnx_bytes
        if declared > self._most_bytes:
            raise TooLarge(f"{MODEL_FILE} of version {version} has {declared} bytes, more than {self._most_bytes}")
        model = await self._file(version, MODEL_FILE, declared)
        return await asyncio.to_thread(_verified, version, manifest, model)

    async def _file(self, version: str, file: str, most_bytes: int) -> bytes:
        return await self._registry.fetch(self._registered_model, version, file, most_bytes)


def _verified(version: str, manifest: bytes, model: bytes, tried_with: str = "") -> StoredVersion:
    parsed = _manifest(version, manifest)
    if sha256(model) != parsed.onnx_sha256:
        raise ChecksumMismatch(f"{MODEL_FILE} of version {version} does not match its manifest")
    return StoredVersion(version, parsed, model, manifest, tried_with)


def _manifest(version: str, manifest: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise ChecksumMismatch(f"the manifest of version {version} cannot be read: {error}") from error
