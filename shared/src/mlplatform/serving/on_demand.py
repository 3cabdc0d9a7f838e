"""Versions that a request asks for by number, loaded while it waits."""

import asyncio
import re

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ModelVersionNotFound, Overloaded, VersionRefused
from mlplatform.registry import VERSION_NUMBER
from mlplatform.runtime import LiveModel
from mlplatform.serving.versions import Versions

_MOST_COMING = 4
_PATIENCE_SECONDS = 20.0


class OnDemand:
    """One is loaded at a time, and few may come: whoever asks for many versions must not keep the champion waiting."""

    def __init__(self, contract: Contract, versions: Versions, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._contract = contract
        self._versions = versions
        self._patience_seconds = patience_seconds
        self._turn = asyncio.Lock()
        self._coming: dict[str, asyncio.Task[LiveModel]] = {}

    async def bring(self, version: str) -> LiveModel:
        """A version by its number.

        Raises:
            ModelVersionNotFound: there is none of that number.
            VersionRefused: there is, but it must not take traffic.
            Overloaded: too many wait, or it takes long; a later request may find it loaded.
            RegistryUnavailable: it is not here, and cannot be fetched.
        """
        if not re.fullmatch(VERSION_NUMBER, version):
            raise ModelVersionNotFound(f"X-Model-Version takes the number of a version of {self._contract.model}")
        if version not in self._coming:
            if len(self._coming) >= _MOST_COMING:
                raise Overloaded("too many versions that are not loaded were asked for; come again")
            self._coming[version] = task = asyncio.create_task(self._in_turn(version))
            task.add_done_callback(lambda done: self._came(version, done))
        try:
            # Shielded: who comes again after a timeout should find it loaded.
            async with asyncio.timeout(self._patience_seconds):
                return await asyncio.shield(self._coming[version])
        except TimeoutError:
            raise Overloaded(f"version {version} is still being loaded; come again") from None
        except ModelVersionNotFound:
            raise ModelVersionNotFound(f"{self._contract.model} has no version {version}") from None
        except ArtifactRejected as error:
            raise VersionRefused(f"version {version} is refused ({error.reason}): {error}") from error

    def close(self) -> None:
        """Begin no more of them."""
        for task in self._coming.values():
            task.cancel()

    async def _in_turn(self, version: str) -> LiveModel:
        async with self._turn:
            return await self._versions.get(version)

    def _came(self, version: str, done: "asyncio.Task[LiveModel]") -> None:
        del self._coming[version]
        if not done.cancelled():
            done.exception()  # whoever asked has it, if he is still there
