"""The predictor: from a contract to a running service."""

from mlplatform.serving.main import run

__all__ = ["run"]
