"""Where a predictor finds models: MLflow over REST, checksums, and a cache on disk."""

from mlplatform.registry.cache import ArtifactCache
from mlplatform.registry.client import MlflowRegistry, Registry
from mlplatform.registry.fetch import Fetcher, StoredVersion
from mlplatform.registry.manifest import CHAMPION, GoldenRows, Manifest

__all__ = [
    "CHAMPION",
    "ArtifactCache",
    "Fetcher",
    "GoldenRows",
    "Manifest",
    "MlflowRegistry",
    "Registry",
    "StoredVersion",
]
