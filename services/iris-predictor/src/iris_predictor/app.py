"""Serves the champion of the iris model. All behaviour lives in `mlplatform.serving`."""

from mlplatform.contracts import IRIS
from mlplatform.serving import run


def main() -> None:
    """Serve until told to stop."""
    run(IRIS)


if __name__ == "__main__":
    main()
