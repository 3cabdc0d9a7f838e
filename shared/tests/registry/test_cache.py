import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlplatform.errors import ChecksumMismatch
from mlplatform.registry import ArtifactCache, LastSeen


def seen(serves: str) -> LastSeen:
    return LastSeen(answered_at=1_000.0, serves=serves, aliases={"champion": serves}, tags={"owner": "us"})


def test_a_stored_version_comes_back(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache")
    cache.put("3", b"manifest", b"model")
    assert ArtifactCache(tmp_path / "cache").get("3") == (b"manifest", b"model", "")


def test_an_unknown_version_is_absent(tmp_path: Path) -> None:
    assert ArtifactCache(tmp_path).get("3") is None


def test_a_version_is_replaced_whole(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"old", b"old")
    cache.put("3", b"new", b"new")
    assert cache.get("3") == (b"new", b"new", "")


def test_a_changed_manifest_is_noticed(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"manifest", b"model")
    (tmp_path / "3" / "manifest.json").write_bytes(b"Manifest")
    with pytest.raises(ChecksumMismatch):
        cache.get("3")


def test_nothing_is_left_of_a_staging_folder(tmp_path: Path) -> None:
    ArtifactCache(tmp_path).put("3", b"manifest", b"model")
    assert [entry.name for entry in tmp_path.iterdir()] == ["3"]


def test_what_a_killed_process_left_half_written_is_swept_once_it_is_old(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"manifest", b"model")
    for name in (".staging-old", ".staging-young"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(b"half")
    (tmp_path / ".last-seen-old").touch()
    for name in (".staging-old", ".last-seen-old"):
        os.utime(tmp_path / name, (0, 0))
    cache.sweep()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".staging-young", "3"]


def test_the_versions_least_recently_read_go_and_those_of_the_last_note_stay(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path, most_bytes=400)  # an entry has about 80 bytes beside its model
    cache.put("1", b"manifest", b"model")
    cache.remember(seen(serves="1"))
    for version in ("2", "3", "4"):
        cache.put(version, b"manifest", b"model")
    cache.get("2")
    cache.put("5", b"manifest", b"m" * 100)
    assert cache.get("1")
    assert cache.get("2")
    assert cache.get("5")
    assert cache.get("3") is None


def test_with_what_a_version_was_tried_is_kept_with_it(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    cache.put("3", b"manifest", b"model", tried_with="runtime 1")
    assert cache.get("3") == (b"manifest", b"model", "runtime 1")


def test_what_was_seen_last_is_remembered_over_a_restart(tmp_path: Path) -> None:
    assert ArtifactCache(tmp_path).last_seen() is None
    ArtifactCache(tmp_path).remember(seen(serves="7"))
    assert ArtifactCache(tmp_path).last_seen() == seen(serves="7")


def test_a_note_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "last_seen.json").write_text("{")
    assert ArtifactCache(tmp_path).last_seen() is None


def test_replicas_that_share_a_cache_do_not_disturb_each_other(tmp_path: Path) -> None:
    def follow(_: int) -> None:
        cache = ArtifactCache(tmp_path)
        cache.put("3", b"manifest", b"model")
        cache.remember(seen(serves="3"))

    with ThreadPoolExecutor(8) as replicas:
        list(replicas.map(follow, range(200)))
    assert ArtifactCache(tmp_path).get("3") == (b"manifest", b"model", "")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["3", "last_seen.json"]
