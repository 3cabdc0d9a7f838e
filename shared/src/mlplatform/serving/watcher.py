"""Keeps the slot in step with the registry's champion, off the request path."""

import asyncio
import random
from time import monotonic

import structlog

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ModelVersionNotFound, RegistryUnavailable
from mlplatform.registry import CHAMPION, ArtifactCache, Fetcher, Registry, StoredVersion
from mlplatform.runtime import Slot
from mlplatform.serving.loader import load
from mlplatform.telemetry.predictor import PredictorMetrics

_REFUSED_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Watcher:
    """Polls the champion alias; whatever fails, the version that serves goes on serving.

    A refused version is tried again after a minute. `last_answer` is when the registry last answered, on the
    monotonic clock in seconds; `trouble` is why the champion could not be followed, if so.
    """

    def __init__(
        self,
        *,
        contract: Contract,
        registry: Registry,
        cache: ArtifactCache,
        slot: Slot,
        metrics: PredictorMetrics,
    ) -> None:
        self._contract = contract
        self._registry = registry
        self._cache = cache
        self._fetcher = Fetcher(contract.registered_model, registry, cache)
        self._slot = slot
        self._metrics = metrics
        self._refused: dict[str, tuple[float, ArtifactRejected]] = {}
        self.last_answer: float | None = None
        self.trouble: str | None = None

    async def start_from_cache(self) -> None:
        """Serve what served last, whether the registry is up or not. A cache that is no good is done without."""
        try:
            version = await asyncio.to_thread(self._cache.champion)
            stored = await asyncio.to_thread(self._fetcher.cached, version) if version else None
            if stored:
                await self._take_up(stored)
        except (ArtifactRejected, OSError) as error:
            _log.warning("cached version refused", error=f"{type(error).__name__}: {error}")

    async def watch(self, poll_seconds: float) -> None:
        """Check for ever, with jitter so that replicas do not ask in step."""
        while True:
            await self.check()
            await asyncio.sleep(poll_seconds * random.uniform(0.8, 1.2))  # noqa: S311 # jitter, no secret

    async def check(self) -> None:
        """Ask once, and take up the champion when it is another than the one that serves."""
        try:
            await self._follow()
            self.trouble = None
        except RegistryUnavailable as error:
            self._metrics.registry_unavailable()
            self._note_trouble(f"the model registry is unavailable: {error}")
        except ModelVersionNotFound as error:
            self._note_trouble(str(error))
        except ArtifactRejected as error:
            self._note_trouble(f"refused ({error.reason}): {error}")
        except Exception as error:  # noqa: BLE001 # the watcher outlives whatever a registry can do
            _log.exception("following the champion failed")
            self._note_trouble(f"{type(error).__name__}: {error}")

    async def _follow(self) -> None:
        version = await self._champion()
        self._metrics.desired(version)
        live = self._slot.live
        if live and live.version == version:
            return
        again, refusal = self._refused.get(version, (0.0, None))
        if refusal and again > monotonic():
            raise refusal
        try:
            await self._take_up(await self._fetcher.fetch(version))
        except ArtifactRejected as error:
            self._refused[version] = monotonic() + _REFUSED_SECONDS, error
            self._metrics.refused(error.reason)
            raise

    async def _champion(self) -> str:
        try:
            aliases = await self._registry.aliases(self._contract.registered_model)
        except ModelVersionNotFound:
            aliases = {}
        self.last_answer = monotonic()
        self._metrics.registry_answered()
        if CHAMPION not in aliases:
            raise ModelVersionNotFound(
                f"{self._contract.registered_model} has no champion yet: its first training is not finished"
            )
        return aliases[CHAMPION]

    async def _take_up(self, stored: StoredVersion) -> None:
        live = await asyncio.to_thread(load, self._contract, stored)
        self._slot.swap(live)
        self._metrics.loaded(stored.version)
        _log.info("version serves", model=self._contract.model, version=stored.version)
        await asyncio.to_thread(self._cache.remember_champion, stored.version)

    def _note_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("champion not followed", model=self._contract.model, reason=trouble)
        self.trouble = self._slot.reason = trouble
