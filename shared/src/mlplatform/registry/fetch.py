"""Bring the files of a version, from the cache or from the registry, and believe none of them unchecked."""

import asyncio
from dataclasses import dataclass

from pydantic import ValidationError

from mlplatform.errors import ChecksumMismatch
from mlplatform.registry.cache import ArtifactCache, sha256
from mlplatform.registry.client import Registry
from mlplatform.registry.manifest import MANIFEST_FILE, MANIFEST_TAG, MODEL_FILE, Manifest


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version whose bytes are those that were registered."""

    version: str
    manifest: Manifest
    model: bytes


class Fetcher:
    """Versions of one registered model."""

    def __init__(self, registered_model: str, registry: Registry, cache: ArtifactCache) -> None:
        self._registered_model = registered_model
        self._registry = registry
        self._cache = cache

    async def fetch(self, version: str) -> StoredVersion:
        """A version, from the cache when it is there in good order.

        Raises:
            ChecksumMismatch: the registry's files are not the registered ones, or carry no checksum.
            RegistryUnavailable, ModelVersionNotFound: as the registry says.
        """
        return await asyncio.to_thread(self.cached, version) or await self._download(version)

    def cached(self, version: str) -> StoredVersion | None:
        """A version from the cache alone; a corrupt one is dropped and counts as absent."""
        try:
            files = self._cache.get(version)
            return files and _verified(version, *files)
        except ChecksumMismatch:
            self._cache.drop(version)
            return None

    async def _download(self, version: str) -> StoredVersion:
        tags = await self._registry.tags(self._registered_model, version)
        manifest = await self._registry.fetch(self._registered_model, version, MANIFEST_FILE)
        if sha256(manifest) != tags.get(MANIFEST_TAG):
            raise ChecksumMismatch(f"the manifest of version {version} does not match the tag {MANIFEST_TAG}")
        model = await self._registry.fetch(self._registered_model, version, MODEL_FILE)
        stored = await asyncio.to_thread(_verified, version, manifest, model)
        await asyncio.to_thread(self._cache.put, version, manifest, model)
        return stored


def _verified(version: str, manifest: bytes, model: bytes) -> StoredVersion:
    try:
        parsed = Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise ChecksumMismatch(f"the manifest of version {version} cannot be read: {error}") from error
    if sha256(model) != parsed.onnx_sha256:
        raise ChecksumMismatch(f"{MODEL_FILE} of version {version} does not match its manifest")
    return StoredVersion(version, parsed, model)
