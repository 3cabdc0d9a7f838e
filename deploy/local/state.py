"""The folder that holds everything a stack keeps, and the lock that gives it to one stack at a time."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from deploy.local.errors import CannotStart


class State:
    """A claimed state folder. Whoever holds `lock_fd` open holds the claim: the guardian does, too, so that the
    folder is free only when the last process of the stack is gone.
    """

    def __init__(self, root: Path, *, lock_fd: int) -> None:
        self.root = root
        self.lock_fd = lock_fd

    @classmethod
    def claim(cls, root: Path) -> Self:
        """Makes the folder if need be and takes it.

        Raises:
            CannotStart: another stack has it, or it cannot be written.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock_fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(f"LOCAL_STATE {root} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(lock_fd, 32, 0).decode().strip()
            os.close(lock_fd)
            raise CannotStart(
                f"{root} belongs to a stack that is running (pid {holder}): stop it, or set LOCAL_STATE and "
                "GATEWAY_PORT to start another"
            ) from None
        os.truncate(lock_fd, 0)
        os.pwrite(lock_fd, f"{os.getpid()}\n".encode(), 0)
        return cls(root, lock_fd=lock_fd)

    def release(self) -> None:
        os.close(self.lock_fd)

    def folder(self, name: str) -> Path:
        """A folder inside, made if need be."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sqlite_url(self, name: str) -> str:
        return f"sqlite:///{self.folder('sql') / name}.db"

    def secret(self, name: str) -> str:
        """A random secret that stays the same from start to start, readable by its owner only."""
        path = self.folder("secrets") / name
        if not path.exists():
            write_private(path, secrets.token_hex(24))
        return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Writes a file, whole or not at all, that only its owner can read."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
