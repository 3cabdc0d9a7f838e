"""Bring the files of a version, from the cache or from the registry, and believe none of them unchecked."""

import asyncio
from dataclasses import dataclass

from pydantic import ValidationError

from mlplatform.errors import ChecksumMismatch, TooLarge
from mlplatform.registry.cache import ArtifactCache, sha256
from mlplatform.registry.client import Registry
from mlplatform.registry.manifest import MANIFEST_FILE, MANIFEST_TAG, MODEL_FILE, Manifest

_MOST_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version whose bytes are those that were registered."""

    version: str
    manifest: Manifest
    model: bytes
    manifest_bytes: bytes = b""


class Fetcher:
    """Versions of one registered model, whose ONNX files have at most `most_bytes`."""

    def __init__(self, registered_model: str, registry: Registry, cache: ArtifactCache, most_bytes: int) -> None:
        self._registered_model = registered_model
        self._registry = registry
        self._cache = cache
        self._most_bytes = most_bytes
        self.repairs = 0
        """How often something in the cache was corrupt, and dropped."""

    async def fetch(self, version: str) -> StoredVersion:
        """A version, from the cache when it is there in good order. It is for the caller to `keep` what proves good.

        Raises:
            ChecksumMismatch: the registry's files are not the registered ones, or carry no checksum.
            TooLarge: they have more bytes than they may.
            RegistryUnavailable, ModelVersionNotFound: as the registry says.
        """
        return await asyncio.to_thread(self.cached, version) or await self._download(version)

    def keep(self, stored: StoredVersion, *, tried_with: str) -> None:
        """Let the next start find a version in the cache."""
        self._cache.put(stored.version, stored.manifest_bytes, stored.model, tried_with=tried_with)

    def tried_with(self, version: str) -> str:
        """With what a cached version was tried; empty if it was not."""
        return self._cache.tried_with(version)

    def cached(self, version: str) -> StoredVersion | None:
        """A version from the cache alone; a corrupt one is dropped and counts as absent."""
        try:
            files = self._cache.get(version)
            return files and _verified(version, *files)
        except ChecksumMismatch:
            self._cache.drop(version)
            self.repairs += 1
            return None

    async def _download(self, version: str) -> StoredVersion:
        tags = await self._registry.tags(self._registered_model, version)
        if MANIFEST_TAG not in tags:
            raise ChecksumMismatch(f"version {version} has no checksum: the tag {MANIFEST_TAG} is missing")
        manifest = await self._file(version, MANIFEST_FILE, _MOST_MANIFEST_BYTES)
        if sha256(manifest) != tags[MANIFEST_TAG]:
            raise ChecksumMismatch(f"the manifest of version {version} does not match the tag {MANIFEST_TAG}")
        declared = (await asyncio.to_thread(_manifest, version, manifest)).onnx_bytes
        if declared > self._most_bytes:
            raise TooLarge(f"{MODEL_FILE} of version {version} has {declared} bytes, more than {self._most_bytes}")
        model = await self._file(version, MODEL_FILE, declared)
        return await asyncio.to_thread(_verified, version, manifest, model)

    async def _file(self, version: str, file: str, most_bytes: int) -> bytes:
        return await self._registry.fetch(self._registered_model, version, file, most_bytes)


def _verified(version: str, manifest: bytes, model: bytes) -> StoredVersion:
    parsed = _manifest(version, manifest)
    if sha256(model) != parsed.onnx_sha256:
        raise ChecksumMismatch(f"{MODEL_FILE} of version {version} does not match its manifest")
    return StoredVersion(version, parsed, model, manifest)


def _manifest(version: str, manifest: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise ChecksumMismatch(f"the manifest of version {version} cannot be read: {error}") from error
