from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlplatform.errors import ChecksumMismatch
from mlplatform.registry import ArtifactCache


def test_a_stored_version_comes_back(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache")
    cache.put("3", b"manifest", b"model")
    assert ArtifactCache(tmp_path / "cache").get("3") == (b"manifest", b"model")


def test_an_unknown_version_is_absent(tmp_path: Path) -> None:
    assert ArtifactCache(tmp_path).get("3") is None


def test_a_version_is_replaced_whole(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"old", b"old")
    cache.put("3", b"new", b"new")
    assert cache.get("3") == (b"new", b"new")


def test_a_changed_manifest_is_noticed(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"manifest", b"model")
    (tmp_path / "3" / "manifest.json").write_bytes(b"Manifest")
    with pytest.raises(ChecksumMismatch):
        cache.get("3")


def test_nothing_is_left_of_a_staging_folder(tmp_path: Path) -> None:
    ArtifactCache(tmp_path).put("3", b"manifest", b"model")
    assert [entry.name for entry in tmp_path.iterdir()] == ["3"]


def test_the_champion_and_the_newest_versions_are_kept(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("1", b"manifest", b"model")
    cache.remember_champion("1")
    for version in range(2, 9):
        cache.put(str(version), b"manifest", b"model")
    assert {entry.name for entry in tmp_path.iterdir() if entry.is_dir()} == {"1", "6", "7", "8"}


def test_the_champion_is_remembered_over_a_restart(tmp_path: Path) -> None:
    assert ArtifactCache(tmp_path).champion() is None
    ArtifactCache(tmp_path).remember_champion("7")
    assert ArtifactCache(tmp_path).champion() == "7"


def test_replicas_that_share_a_cache_do_not_disturb_each_other(tmp_path: Path) -> None:
    def follow(_: int) -> None:
        cache = ArtifactCache(tmp_path)
        cache.put("3", b"manifest", b"model")
        cache.remember_champion("3")

    with ThreadPoolExecutor(8) as replicas:
        list(replicas.map(follow, range(200)))
    assert ArtifactCache(tmp_path).get("3") == (b"manifest", b"model")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["3", "champion"]
