"""An environment for each peer, as its versions exclude ours: made by uv from hash-pinned requirements, and kept."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.load.say import say

PEERS = Path(__file__).parent


class NoEnvironment(Exception):
    """uv could not make it; the message is uv's."""


def environment(peer: str, folder: Path) -> Path:
    """The folder of the programs of that peer's environment.

    Raises:
        NoEnvironment: it cannot be made.
    """
    requirements = PEERS / peer / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    home, stamp = folder / peer, folder / f"{peer}.sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        say(f"Installing {peer} into an environment of its own ...")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(home))
        _uv("pip", "install", "--python", str(home / "bin/python"), "--require-hashes", "-r", str(requirements))
        stamp.write_text(wanted)
    return home / "bin"


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoEnvironment(f"uv {arguments[0]} failed:\n{done.stderr.strip()}")
