"""Where a predictor finds models: MLflow over REST, checksums, and a cache on disk."""

from mlplatform.registry.cache import ArtifactCache
from mlplatform.registry.client import MlflowRegistry, RegisteredModel, Registry
from mlplatform.registry.evidence import Evidence
from mlplatform.registry.fetch import Fetcher, StoredVersion
from mlplatform.registry.last_seen import LastSeen
from mlplatform.registry.manifest import CHALLENGER, CHAMPION, PREVIOUS, VERSION_NUMBER, GoldenRows, Manifest
from mlplatform.registry.traffic import TRAFFIC_TAG, Traffic, read_traffic

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PREVIOUS",
    "TRAFFIC_TAG",
    "VERSION_NUMBER",
    "ArtifactCache",
    "Evidence",
    "Fetcher",
    "GoldenRows",
    "LastSeen",
    "Manifest",
    "MlflowRegistry",
    "RegisteredModel",
    "Registry",
    "StoredVersion",
    "Traffic",
    "read_traffic",
]
