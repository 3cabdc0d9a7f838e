"""Serves the champion of the housing model. All behaviour lives in `mlplatform.serving`."""

from mlplatform.contracts import HOUSING
from mlplatform.serving import run

if __name__ == "__main__":
    run(HOUSING)
