"""promtool and amtool: from the PATH or, failing that, out of the images that the stack runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring" / "prometheus" / "rules"

_SERVICES = {"promtool": "prometheus", "amtool": "alertmanager"}


def check(tool: str, *arguments: str, folder: Path) -> tuple[bool, str]:
    """Whether the tool is content with the files of a folder, and what it says; skips where there is no such tool."""
    here = shutil.which(tool)
    command = [here] if here else _in_container(tool, folder)
    ended = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    return ended.returncode == 0, ended.stdout + ended.stderr


def _in_container(tool: str, folder: Path) -> list[str]:
    image = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][_SERVICES[tool]]["image"]
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False).returncode:
        pytest.skip(f"NOT CHECKED: no {tool} on the PATH, and no image {image} to take it from")
    user = f"{os.getuid()}:{os.getgid()}"
    return [
        *(docker, "run", "--rm", "--network=none", "--user", user, "--volume", f"{folder}:{folder}:ro"),
        *("--workdir", str(folder), "--entrypoint", tool, image),
    ]
