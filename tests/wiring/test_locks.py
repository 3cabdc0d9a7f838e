"""Each package's lock is what its pyproject.toml asks for, under one set of versions."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "constraints.lock", *sorted(ROOT.glob("s*/**/requirements.lock"))]
PACKAGES = ["shared", "services/housing-predictor", "services/iris-predictor", "services/trainer", "services/mlflow"]
HEAVY = {
    "mlflow",
    "mlflow-skinny",
    "scikit-learn",
    "pandas",
    "celery",
    "sqlalchemy",
    "joblib",
    "skops",
    "skl2onnx",
    "onnx",
}

locks = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))


def pins(lock: Path) -> set[str]:
    """Name, version and marker of each pinned package."""
    return set(re.findall(r"^([a-z0-9][^\\\n]*?) *\\?$", lock.read_text(), re.MULTILINE))


def names(lock: Path) -> set[str]:
    return {pin.split("==")[0] for pin in pins(lock)}


def test_every_package_has_a_lock() -> None:
    assert {str(lock.parent.relative_to(ROOT)) for lock in LOCKS[1:]} == set(PACKAGES)


def test_compiling_again_changes_no_lock(tmp_path: Path) -> None:
    """`make lock` keeps the versions it finds, so a lock changes only when what it is compiled from has."""
    workspace = tmp_path / "workspace"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    manifests = [name for name in tracked.split("\0") if name.endswith(("pyproject.toml", ".lock", "requirements.in"))]
    for name in [*manifests, "Makefile"]:
        copy = workspace / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    (workspace / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["make", "--silent", "compile-locks"], cwd=workspace, check=True)
    stale = [name for name in manifests if (workspace / name).read_bytes() != (ROOT / name).read_bytes()]
    assert stale == [], "run: make lock"


@locks
def test_every_requirement_is_pinned_with_hashes(lock: Path) -> None:
    text = lock.read_text()
    assert pins(lock)
    assert text.count("==") >= len(pins(lock))
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


@locks
def test_no_lock_names_a_host_or_a_path_of_this_machine(lock: Path) -> None:
    assert not re.search(r"https?://|file:|--index|--find-links|/home/|/root/|/work", lock.read_text())


@pytest.mark.parametrize("package", PACKAGES)
def test_all_locks_agree_on_versions(package: str) -> None:
    lock = ROOT / package / "requirements.lock"
    # The markers of a package's lock may be simpler than those of the whole; the versions may not differ.
    everything = {pin.split(" ;")[0] for pin in pins(ROOT / "constraints.lock")}
    assert {pin.split(" ;")[0] for pin in pins(lock)} <= everything


@pytest.mark.parametrize("package", ["shared", "services/housing-predictor", "services/iris-predictor"])
def test_a_predictor_carries_nothing_heavy(package: str) -> None:
    assert not names(ROOT / package / "requirements.lock") & HEAVY
