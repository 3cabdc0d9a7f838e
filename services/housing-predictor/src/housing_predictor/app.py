"""Serves the champion of the housing model. All behaviour lives in `mlplatform.serving`."""

from mlplatform.contracts import HOUSING
from mlplatform.serving import run


def main() -> None:
    """Serve until told to stop."""
    run(HOUSING)


if __name__ == "__main__":
    main()
