"""Versions on disk, so that a predictor starts with the registry down."""

import errno
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from mlplatform.errors import ChecksumMismatch
from mlplatform.registry.manifest import MANIFEST_FILE, MODEL_FILE

_DIGEST_FILE = "manifest.sha256"
_CHAMPION_FILE = "champion"
_KEPT_BESIDE_CHAMPION = 3
_ALREADY_THERE = {errno.EEXIST, errno.ENOTEMPTY}


def sha256(data: bytes) -> str:
    """The checksum as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class ArtifactCache:
    """A folder for each version, complete or absent, and a note of the champion last seen.

    Replicas may share one: each writes beside and renames.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, version: str, manifest: bytes, model: bytes) -> None:
        """Store the files of a version, all or none."""
        self._root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=self._root))
        try:
            _write(staging / MODEL_FILE, model)
            _write(staging / MANIFEST_FILE, manifest)
            _write(staging / _DIGEST_FILE, sha256(manifest).encode())
            self.drop(version)
            try:
                staging.rename(self._root / version)
            except OSError as error:
                if error.errno not in _ALREADY_THERE:  # else another replica has just stored the same
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._forget_oldest()

    def get(self, version: str) -> tuple[bytes, bytes] | None:
        """The manifest and the model of a version; none when they are not there.

        Raises:
            ChecksumMismatch: the manifest is not the one that was stored.
        """
        folder = self._root / version
        try:
            manifest, model = (folder / MANIFEST_FILE).read_bytes(), (folder / MODEL_FILE).read_bytes()
            digest = (folder / _DIGEST_FILE).read_text()
        except FileNotFoundError:
            return None
        if sha256(manifest) != digest:
            raise ChecksumMismatch(f"the cached manifest of version {version} is corrupt")
        return manifest, model

    def _forget_oldest(self) -> None:
        champion = self.champion()
        with suppress(FileNotFoundError):  # another replica on the same folder was quicker
            versions = [entry for entry in self._root.glob("[!.]*/") if entry.is_dir() and entry.name != champion]
            for oldest in sorted(versions, key=lambda entry: entry.stat().st_mtime_ns)[:-_KEPT_BESIDE_CHAMPION]:
                shutil.rmtree(oldest, ignore_errors=True)

    def drop(self, version: str) -> None:
        """Forget a version."""
        shutil.rmtree(self._root / version, ignore_errors=True)

    def remember_champion(self, version: str) -> None:
        """Note which version serves, for the next start."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{_CHAMPION_FILE}-", dir=self._root)
        os.close(descriptor)
        _write(Path(name), version.encode())
        Path(name).replace(self._root / _CHAMPION_FILE)

    def champion(self) -> str | None:
        """The version that served last, if any."""
        try:
            return (self._root / _CHAMPION_FILE).read_text()
        except FileNotFoundError:
            return None


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
