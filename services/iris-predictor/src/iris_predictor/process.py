"""The predictor's process, as its command starts it: whatever ends it is told to the log."""

from mlplatform.process import run


def main() -> None:
    """Serve until told to stop."""
    run("iris_predictor.app")
