"""Brings versions from the cache or the registry into memory, off the request path."""

import asyncio
from collections import Counter

import structlog

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected
from mlplatform.registry import Fetcher, StoredVersion
from mlplatform.runtime import RUNTIME, LiveModel, VersionTable
from mlplatform.serving.bulk import step_back
from mlplatform.serving.refusals import Refusals
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.verification import Load, Trial

_log = structlog.get_logger(__name__)


class Versions:
    """Fetch, try, load: once for each version, however many ask for it at the same time."""

    def __init__(
        self,
        *,
        contract: Contract,
        fetcher: Fetcher,
        trial: Trial,
        load: Load,
        table: VersionTable,
        metrics: PredictorMetrics,
    ) -> None:
        self.contract = contract
        self._fetcher = fetcher
        self._trial = trial
        self._load = load
        self.table = table
        self._metrics = metrics
        self._under_way: dict[str, asyncio.Task[LiveModel]] = {}
        self._waiting: Counter[str] = Counter()
        self._unasked: dict[str, str] = {}  # digests of what came from the cache, before the registry was asked
        self.refusals = Refusals()

    def has(self, version: str) -> bool:
        """Whether a version is loaded that is the registry's one of that number."""
        return version not in self._unasked and self.table.get(version) is not None

    async def get(self, version: str) -> LiveModel:
        """A version that is loaded already or that is loaded now; that is given up when nobody waits for it any more.

        Raises:
            ArtifactRejected: it must not take traffic, as was found now or lately.
            RegistryUnavailable, ModelVersionNotFound: as the registry says.
        """
        live = self.table.get(version)
        if live and version not in self._unasked:
            return live
        if version not in self._under_way or self._under_way[version].cancelling():
            self.refusals.check(version)
            task = asyncio.create_task(self._bring(version))
            self._under_way[version] = task
            task.add_done_callback(lambda done: self._settled(version, done))
        task = self._under_way[version]
        self._waiting[version] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[version] -= 1
            if not self._waiting[version]:
                del self._waiting[version]
                task.cancel()  # of one that is done, nothing comes of that

    async def from_cache(self, version: str) -> LiveModel | None:
        """A version without asking the registry, until that is `get`; none when the cache has it not, or not in good
        order.

        Raises:
            ArtifactRejected: it must not take traffic.
        """
        stored = await asyncio.to_thread(self._fetcher.cached, version)
        if stored is None:
            return None
        live = await self._take_in(stored)
        self._unasked[version] = stored.digest
        return live

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring(self, version: str) -> LiveModel:
        try:
            live = self.table.get(version)
            if live is None or await self._fetcher.digest(version) != self._unasked.get(version):
                live = await self._take_in(await self._fetcher.fetch(version))
        except ArtifactRejected as error:
            self.refusals.note(version, error)
            self._metrics.refused(error.reason)
            _log.warning(
                "version refused", model=self.contract.model, version=version, reason=error.reason, detail=str(error)
            )
            raise
        self._unasked.pop(version, None)
        return live

    async def _take_in(self, stored: StoredVersion) -> LiveModel:
        if stored.tried_with != RUNTIME:
            await self._trial(self.contract, stored)
            await self._keep(stored)
        live = await asyncio.to_thread(self._load_at_leisure, stored)
        pinned = self.table.add(live)
        self.refusals.forget(stored.version)
        _log.info("version loaded", model=self.contract.model, version=stored.version)
        return pinned

    def _load_at_leisure(self, stored: StoredVersion) -> LiveModel:
        step_back()  # the event loop answers meanwhile, perhaps on the same core
        return self._load(self.contract, stored)

    async def _keep(self, stored: StoredVersion) -> None:
        try:
            await asyncio.to_thread(self._fetcher.keep, stored, tried_with=RUNTIME)
        except OSError as error:  # a full disk costs the next start, not this one
            _log.warning("version not cached", model=self.contract.model, version=stored.version, error=str(error))

    def _settled(self, version: str, done: asyncio.Task[LiveModel]) -> None:
        if self._under_way.get(version) is done:
            del self._under_way[version]
        if not done.cancelled():
            done.exception()  # whoever asked has it, if he is still there
