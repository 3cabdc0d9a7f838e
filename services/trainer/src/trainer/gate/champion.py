"""The champion as the gate meets it: the very file that the predictors run."""

import hashlib
from dataclasses import dataclass

from mlplatform.contracts import Contract
from mlplatform.errors import ChecksumMismatch
from mlplatform.registry.manifest import CHAMPION, MODEL_FILE, MODEL_TAG
from mlplatform.runtime.session import OnnxModel
from trainer.promotions.registry import Registry


@dataclass(frozen=True)
class Champion:
    """The version that serves."""

    version: str
    model: OnnxModel


def load_champion(contract: Contract, registry: Registry) -> Champion | None:
    """The champion of a contract's model; none before the first.

    Raises:
        RegistryUnavailable, ModelVersionNotFound: as the registry says.
        ArtifactRejected: its file is not the registered one, or cannot be loaded.
    """
    name = contract.registered_model
    version = registry.aliases(name).get(CHAMPION)
    if version is None:
        return None
    data = registry.file(name, version, MODEL_FILE)
    if hashlib.sha256(data).hexdigest() != registry.version(name, version)["tags"].get(MODEL_TAG):
        raise ChecksumMismatch(f"{MODEL_FILE} of version {version} is not the one that was registered")
    return Champion(version, OnnxModel(contract, data))
