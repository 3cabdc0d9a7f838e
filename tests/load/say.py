"""Where the benchmark's output goes."""

import sys


def say(text: str = "") -> None:
    """Print a line at once: a run takes minutes, and somebody is watching."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
