"""Which requests are the challenger's. Pure, and the same in every replica."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from time import time

BUCKETS = 10_000


def bucket(salt: bytes, subject: bytes) -> int:
    """The bucket of a subject: evenly spread, and with another salt another one."""
    return int.from_bytes(sha256(b"%b:%b" % (salt, subject)).digest()[:8]) % BUCKETS


@dataclass(frozen=True, slots=True)
class Split:
    """The first `share` of all buckets are the challenger's, so that a greater share takes from nobody what he had.

    `until` is in seconds since 1970.
    """

    salt: bytes
    share: int
    until: float = inf
    now: Callable[[], float] = time

    def takes(self, subject: bytes) -> bool:
        """Whether a subject is the challenger's."""
        return bucket(self.salt, subject) < self.share and self.now() < self.until
