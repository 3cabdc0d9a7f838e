"""Versions that a request asks for by number, loaded while it waits."""

import asyncio
import re

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ModelVersionNotFound, Overloaded, VersionRefused
from mlplatform.runtime import LiveModel
from mlplatform.serving.versions import Versions

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_MOST_WAITING = 4
_PATIENCE_SECONDS = 20.0


class OnDemand:
    """One is loaded at a time, and few may wait: whoever asks for many versions must not keep the champion waiting."""

    def __init__(self, contract: Contract, versions: Versions, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._contract = contract
        self._versions = versions
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def bring(self, version: str) -> LiveModel:
        """A version by its number.

        Raises:
            ModelVersionNotFound: there is none of that number.
            VersionRefused: there is, but it must not take traffic.
            Overloaded: too many wait, or it takes long; a later request may find it loaded.
            RegistryUnavailable: it is not here, and cannot be fetched.
        """
        if not _NUMBER.fullmatch(version):
            raise ModelVersionNotFound(f"X-Model-Version takes the number of a version of {self._contract.model}")
        if self._waiting >= _MOST_WAITING:
            raise Overloaded("too many requests wait for versions that are not loaded; come again")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_seconds), self._turn:
                # Shielded: who comes again after a timeout should find it loaded.
                return await asyncio.shield(asyncio.ensure_future(self._versions.get(version)))
        except TimeoutError:
            raise Overloaded(f"version {version} is still being loaded; come again") from None
        except ModelVersionNotFound:
            raise ModelVersionNotFound(f"{self._contract.model} has no version {version}") from None
        except ArtifactRejected as error:
            raise VersionRefused(f"version {version} is refused ({error.reason}): {error}") from error
        finally:
            self._waiting -= 1
