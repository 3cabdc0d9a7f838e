"""Versions on disk, so that a predictor starts with the registry down."""

import errno
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from time import time, time_ns
from typing import NamedTuple

from pydantic import ValidationError

from mlplatform.errors import ChecksumMismatch
from mlplatform.registry.last_seen import LastSeen
from mlplatform.registry.manifest import MANIFEST_FILE, MODEL_FILE

_DIGEST_FILE = "manifest.sha256"
_TRIAL_FILE = "tried_with"
_LAST_SEEN_FILE = "last_seen.json"
_STAGING, _NOTING = ".staging-", ".last-seen-"
_LEFT_BEHIND_SECONDS = 3600.0
_ALREADY_THERE = {errno.EEXIST, errno.ENOTEMPTY}


def sha256(data: bytes) -> str:
    """The checksum as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class CachedFiles(NamedTuple):
    """The files of a version, and with what it was tried; empty if it was not."""

    manifest: bytes
    model: bytes
    tried_with: str


class ArtifactCache:
    """A folder for each version, complete or absent, and a note of what the registry said last.

    Those that the note names stay; of the others the least recently read go where all have more than `most_bytes`.
    Replicas may share one: each writes beside and renames.
    """

    def __init__(self, root: Path, most_bytes: int = 1024**3) -> None:
        self._root = root
        self._most_bytes = most_bytes

    def put(self, version: str, manifest: bytes, model: bytes, *, tried_with: str = "") -> None:
        """Store the files of a version, all or none, and with what it was tried, if so."""
        self._root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self._root))
        try:
            _write(staging / MODEL_FILE, model)
            _write(staging / MANIFEST_FILE, manifest)
            _write(staging / _DIGEST_FILE, sha256(manifest).encode())
            _write(staging / _TRIAL_FILE, tried_with.encode())
            self.drop(version)
            try:
                staging.rename(self._root / version)
            except OSError as error:
                if error.errno not in _ALREADY_THERE:  # else another replica has just stored the same
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._let_go(newest=version)

    def get(self, version: str) -> CachedFiles | None:
        """The files of a version; none when they are not there.

        Raises:
            ChecksumMismatch: the manifest is not the one that was stored.
            OSError: they are there and cannot be read.
        """
        folder = self._root / version
        try:
            manifest, model = (folder / MANIFEST_FILE).read_bytes(), (folder / MODEL_FILE).read_bytes()
            digest, tried_with = (folder / _DIGEST_FILE).read_bytes(), (folder / _TRIAL_FILE).read_bytes()
        except FileNotFoundError:
            return None
        if sha256(manifest).encode() != digest:
            raise ChecksumMismatch(f"the cached manifest of version {version} is corrupt")
        with suppress(OSError):  # it was read, whether that can be noted or not
            os.utime(folder, ns=(time_ns(), time_ns()))
        return CachedFiles(manifest, model, tried_with.decode(errors="replace"))

    def drop(self, version: str) -> None:
        """Forget a version."""
        shutil.rmtree(self._root / version, ignore_errors=True)

    def remember(self, seen: LastSeen) -> None:
        """Note what the registry said, for the next start."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_NOTING, dir=self._root)
        os.close(descriptor)
        _write(Path(name), seen.model_dump_json().encode())
        Path(name).replace(self._root / _LAST_SEEN_FILE)

    def sweep(self) -> None:
        """Remove what processes that were killed while they wrote have left behind; what is young may be another's."""
        for prefix in (_STAGING, _NOTING):
            for left in self._root.glob(f"{prefix}*"):
                with suppress(OSError):
                    if time() - left.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                        shutil.rmtree(left) if left.is_dir() else left.unlink()

    def last_seen(self) -> LastSeen | None:
        """What the registry said last, if that was noted and can be read."""
        try:
            return LastSeen.model_validate_json((self._root / _LAST_SEEN_FILE).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def _let_go(self, newest: str) -> None:
        seen = self.last_seen()
        staying = {newest, *(seen.versions if seen else ())}
        with suppress(FileNotFoundError):  # another replica on the same folder was quicker
            folders = sorted(self._root.glob("[!.]*/"), key=lambda folder: folder.stat().st_mtime_ns)
            sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in folders}
            left = sum(sizes.values())
            for folder, size in sizes.items():
                if left <= self._most_bytes:
                    return
                if folder.name not in staying:
                    shutil.rmtree(folder, ignore_errors=True)
                    left -= size


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
