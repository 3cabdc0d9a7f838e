"""Starts the platform as containers: `make up`. Needs Python's own library and the engine, nothing installed."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.containers.announcement import welcome
from deploy.containers.secrets import make_secrets

ROOT = Path(__file__).resolve().parents[2]
_FIRST_START_SECONDS = 900


def main() -> int:
    """`secrets` makes them; `up` makes them, builds, starts, waits until all is healthy and says how to ask."""
    make_secrets(ROOT / os.environ.get("SECRETS_DIR", ".secrets"))
    if sys.argv[1:2] == ["secrets"]:
        return 0
    command = ["docker", "compose", "up", "--detach", "--build", "--wait", f"--wait-timeout={_FIRST_START_SECONDS}"]
    ended = subprocess.run(  # noqa: S603 # what the caller adds is for the engine to judge
        [*command, *sys.argv[2:]], cwd=ROOT, env={**os.environ, **_labels()}, check=False
    )
    if ended.returncode == 0:
        print(welcome(os.environ))
    return ended.returncode


def _labels() -> dict[str, str]:
    """What the images are made from, when this is a clone."""
    revision = _git("rev-parse", "HEAD")
    source = _git("config", "--get", "remote.origin.url")
    labels = {"REVISION": revision, "SOURCE": source if source.startswith("https://") else ""}
    return {name: text for name, text in labels.items() if text}


def _git(*arguments: str) -> str:
    try:
        asked = subprocess.run(  # noqa: S603 # our own words
            ["git", *arguments],  # noqa: S607 # from the PATH
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return asked.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
