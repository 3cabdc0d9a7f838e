"""The champion as the gate meets it: the very files that the predictors run."""

import hashlib
from dataclasses import dataclass

from pydantic import ValidationError

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ChecksumMismatch, ModelVersionNotFound
from mlplatform.registry.manifest import MANIFEST_FILE, MANIFEST_TAG, MODEL_FILE, MODEL_TAG, Manifest
from mlplatform.runtime.session import OnnxModel
from trainer.errors import ChampionUnmet
from trainer.gate.signature import Signature, declared, promised
from trainer.promotions.registry import Registry


@dataclass(frozen=True)
class Champion:
    """The version that serves; without a model where its signature is not the contract's any more."""

    version: str
    signature: Signature
    model: OnnxModel | None


def load_champion(contract: Contract, registry: Registry, version: str) -> Champion:
    """The version that serves.

    Raises:
        RegistryUnavailable: as the registry says.
        ChampionUnmet: it is not in the registry, its files are not the registered ones, or they cannot be loaded.
    """
    try:
        return _load(contract, registry, version)
    except (ArtifactRejected, ModelVersionNotFound) as error:
        raise ChampionUnmet(f"version {version} serves and cannot be met: {error}", version) from error


def _load(contract: Contract, registry: Registry, version: str) -> Champion:
    name = contract.registered_model
    tags = registry.version(name, version)["tags"]
    data, manifest = (
        _verified(registry.file(name, version, file), file, version, tags.get(tag))
        for file, tag in ((MODEL_FILE, MODEL_TAG), (MANIFEST_FILE, MANIFEST_TAG))
    )
    signature = declared(_parsed(manifest, version), data)
    fits = signature == promised(contract)
    return Champion(version, signature, OnnxModel(contract, data) if fits else None)


def _verified(data: bytes, file: str, version: str, sha256: str | None) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ChecksumMismatch(f"{file} of version {version} is not the one that was registered")
    return data


def _parsed(manifest: bytes, version: str) -> Manifest:
    try:
        return Manifest.model_validate_json(manifest)
    except ValidationError as error:
        raise ChecksumMismatch(f"the manifest of version {version} cannot be read: {error}") from error
