"""Keeps what serves in step with the registry's aliases and traffic, off the request path."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from time import time
from typing import NamedTuple

import structlog

from mlplatform.errors import ArtifactRejected, ModelVersionNotFound, PlatformError, RegistryUnavailable
from mlplatform.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    TRAFFIC_TAG,
    ArtifactCache,
    LastSeen,
    RegisteredModel,
    Registry,
    Traffic,
    read_traffic,
)
from mlplatform.runtime import Slot, Split
from mlplatform.runtime.split import BUCKETS
from mlplatform.serving.backoff import Backoff, Pause
from mlplatform.serving.shadow import Shadows
from mlplatform.serving.versions import Versions
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.telemetry.rollout import RolloutMetrics

_NOTE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 60.0
_ROLES = (CHAMPION, PREVIOUS, CHALLENGER)

_log = structlog.get_logger(__name__)


class _Setback(NamedTuple):
    """Why a version could not be brought, and how long it is left alone."""

    trouble: str
    pause: Pause


class Watcher:
    """Polls the registered model; whatever fails, the version that serves goes on serving.

    Versions are brought in the background, so that a slow one keeps none of the others: a rollback to a version that is
    in memory takes effect at once. `answered_at` is when the registry said what is followed, in seconds since 1970, and
    survives a restart.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        cache: ArtifactCache,
        slot: Slot,
        versions: Versions,
        shadows: Shadows,
        metrics: PredictorMetrics,
        rollout: RolloutMetrics,
    ) -> None:
        self._contract = versions.contract
        self._registry = registry
        self._cache = cache
        self._slot = slot
        self._table = versions.table
        self._versions = versions
        self._shadows = shadows
        self._metrics = metrics
        self._rollout = rollout
        self._wanted = RegisteredModel({}, {})
        self._bringing: dict[str, asyncio.Task[None]] = {}
        self._setbacks: dict[str, _Setback] = {}
        self._backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._noted: LastSeen | None = None
        self._outage: str | None = None
        self._hitch: str | None = None
        self._is_woken = asyncio.Event()
        self.answered_at: float | None = None

    @property
    def trouble(self) -> str | None:
        """Why the champion cannot be followed, if so."""
        return self._outage or self._hitch

    @property
    def setbacks(self) -> dict[str, str]:
        """The versions with a role that could not be brought, and why."""
        return {version: setback.trouble for version, setback in self._setbacks.items()}

    @property
    def aliases(self) -> Mapping[str, str]:
        """The versions that the registry wants, by alias."""
        return self._wanted.aliases

    @property
    def traffic(self) -> Traffic | None:
        """How the registry wants the traffic to be shared; none where it is all the champion's."""
        traffic = read_traffic(self._wanted.tags.get(TRAFFIC_TAG))
        if traffic is None or traffic.challenger != self.aliases.get(CHALLENGER):
            return None
        return None if traffic.is_over(datetime.now(UTC)) else traffic

    async def start_from_cache(self) -> None:
        """Serve what served last, whether the registry is up or not. A cache that is no good is done without."""
        try:
            await asyncio.to_thread(self._cache.sweep)
            seen = await asyncio.to_thread(self._cache.last_seen)
        except OSError as error:
            _log.warning("the cache cannot be read", error=str(error))
            return
        if seen is None:
            return
        self.answered_at, self._wanted = seen.answered_at, RegisteredModel(seen.aliases, seen.tags)
        self._metrics.registry_answered_before(seen.answered_at)
        for version in dict.fromkeys([seen.serves, *(seen.aliases[role] for role in _ROLES if role in seen.aliases)]):
            if self._slot.live is None:
                await self._load_cached(version)
                self._serve(version)
            else:  # nobody who asks for the champion waits for the others
                self._bringing[version] = asyncio.create_task(self._bring_cached(version))
        self._arrange()

    async def _bring_cached(self, version: str) -> None:
        try:
            await self._load_cached(version)
        finally:
            self._done_with(version)
        self._arrange()

    async def _load_cached(self, version: str) -> None:
        try:
            await self._versions.from_cache(version)
        except Exception as error:  # noqa: BLE001 # whatever it is, the registry may have a better one
            _log.warning("cached version refused", version=version, error=f"{type(error).__name__}: {error}")

    async def watch(self, poll_seconds: float) -> None:
        """Check for ever, with jitter so that replicas do not ask in step, and sooner when woken."""
        try:
            while True:
                self._is_woken.clear()
                await self.check()
                with suppress(TimeoutError):
                    async with asyncio.timeout(poll_seconds * random.uniform(0.8, 1.2)):  # noqa: S311 # no secret
                        await self._is_woken.wait()
        finally:
            for task in self._bringing.values():
                task.cancel()

    def wake(self) -> None:
        """Let the next check begin now, or after the one that is under way."""
        self._is_woken.set()

    async def check(self) -> None:
        """Ask once, and begin to bring what is wanted and not there."""
        name = self._contract.registered_model
        try:
            self._wanted = await self._registry.describe(name)
            self.answered_at = time()
            self._metrics.registry_answered()
            self._note_outage(None)
            self._follow()
        except RegistryUnavailable as error:
            self._metrics.registry_unavailable()
            self._note_outage(f"the model registry is unavailable: {error}")
            self._arrange()  # time goes on: a share may have expired
        except ModelVersionNotFound:
            self._metrics.registry_answered()
            self._note_outage(f"{name} has no champion yet: it is not registered")
        except Exception as error:  # noqa: BLE001 # the watcher outlives whatever a registry can do
            _log.exception("following the registry failed")
            self._note_outage(f"{type(error).__name__}: {error}")
        await self._remember()

    async def settled(self) -> None:
        """Wait until what is being brought is there, or is known not to come."""
        while self._bringing:
            await asyncio.wait([*self._bringing.values()])

    def _follow(self) -> None:
        if CHAMPION not in self.aliases:
            self._note_hitch(self._missing_champion())
        for unwanted in self._bringing.keys() - set(self.aliases.values()):
            self._bringing[unwanted].cancel()  # what came after it must not wait behind it
        for role in _ROLES:
            version = self.aliases.get(role)
            if version and not self._versions.has(version) and not self._is_coming(version) and self._is_due(version):
                self._bringing[version] = asyncio.create_task(self._bring(version))
        self._arrange()

    def _missing_champion(self) -> str:
        name, serves = self._contract.registered_model, self._slot.live
        if serves is None:
            return f"{name} has no champion yet: its first training is not finished"
        return f"{name} has no champion any more: the alias is gone, and version {serves.version} goes on serving"

    def _is_due(self, version: str) -> bool:
        setback = self._setbacks.get(version)
        return setback is None or not self._backoff.left(setback.pause)

    def _is_coming(self, version: str) -> bool:
        return version in self._bringing and not self._bringing[version].cancelling()

    async def _bring(self, version: str) -> None:
        trouble = None
        try:
            await self._versions.get(version)
            self._setbacks.pop(version, None)
        except ArtifactRejected as error:  # which is told and tried again by whoever refused it
            trouble = f"refused ({error.reason}): {error}"
        except PlatformError as error:
            trouble = self._note_setback(version, str(error))
        except Exception as error:  # noqa: BLE001 # as above
            _log.exception("bringing a version failed", version=version)
            trouble = self._note_setback(version, f"{type(error).__name__}: {error}")
        finally:
            self._done_with(version)
        if trouble and version == self.aliases.get(CHAMPION):
            self._note_hitch(trouble)
        self._arrange()
        await self._remember()

    def _done_with(self, version: str) -> None:
        """Unless another task brings it by now, because this one was given up."""
        if self._bringing.get(version) is asyncio.current_task():
            del self._bringing[version]

    def _note_setback(self, version: str, trouble: str) -> str:
        before = self._setbacks.get(version)
        self._setbacks[version] = _Setback(trouble, self._backoff.after(before.pause if before else None))
        if before is None or before.trouble != trouble:
            roles = [role for role, wanted in self.aliases.items() if wanted == version]
            _log.warning(
                "version not brought", model=self._contract.model, version=version, roles=roles, reason=trouble
            )
        return trouble

    def _arrange(self) -> None:
        """Let every version that is there have its role."""
        champion, challenger = self.aliases.get(CHAMPION), self.aliases.get(CHALLENGER)
        if champion:
            self._metrics.desired(champion)
        if champion and self._table.get(champion):
            self._note_hitch(None)
            self._serve(champion)
        self._challenge(challenger if challenger != champion else None)
        serves = self._slot.live and self._slot.live.version
        self._setbacks = {
            version: found for version, found in self._setbacks.items() if version in self.aliases.values()
        }
        self._table.keep({version for version in (serves, *self.aliases.values()) if version})
        actual = {role: version for role, version in self.aliases.items() if self._table.get(version)}
        self._rollout.roles(self.aliases, {**actual, **({CHAMPION: serves} if serves else {})})

    def _serve(self, version: str) -> None:
        live = self._table.get(version)
        if live is None or (self._slot.live and self._slot.live.model is live.model):
            return
        self._slot.swap(live.as_variant(CHAMPION))
        self._metrics.loaded(version)
        _log.info("version serves", model=self._contract.model, version=version)

    def _challenge(self, version: str | None) -> None:
        """The model before the split: no request may be the challenger's before that can answer it."""
        live = self._table.get(version) if version else None
        if live is None or self._slot.challenger is None or self._slot.challenger.model is not live.model:
            self._slot.challenger = live and live.as_variant(CHALLENGER)
        traffic = self.traffic
        self._shadows.witness.begin(traffic)
        share = round(traffic.challenger_percent / 100 * BUCKETS) if traffic else 0
        self._slot.split = None
        if traffic and share:
            until = traffic.expires_at.timestamp() if traffic.expires_at else inf
            if self._slot.challenger:
                self._metrics.answers.expect(self._slot.challenger.version, CHALLENGER)
            self._slot.split = Split(traffic.salt.encode(), share, until)
        self._shadows.follow(self._slot.challenger if traffic and traffic.shadow else None)
        self._rollout.challenger_share.set(share / BUCKETS)

    async def _remember(self) -> None:
        """Note what is known when it is new, and now and then that it is still so."""
        if self._slot.live is None or self.answered_at is None:
            return
        seen = LastSeen(
            answered_at=self.answered_at,
            serves=self._slot.live.version,
            aliases=dict(self.aliases),
            tags=dict(self._wanted.tags),
        )
        before = self._noted
        is_news = before is None or before.model_copy(update={"answered_at": seen.answered_at}) != seen
        if before and not is_news and seen.answered_at - before.answered_at < _NOTE_SECONDS:
            return
        self._noted = seen
        with suppress(OSError):  # it is for the next start only
            await asyncio.to_thread(self._cache.remember, seen)

    def _note_outage(self, trouble: str | None) -> None:
        if trouble and trouble != self._outage:
            _log.warning("the registry cannot be followed", model=self._contract.model, reason=trouble)
        self._outage = trouble
        self._slot.reason = self.trouble or self._slot.reason

    def _note_hitch(self, trouble: str | None) -> None:
        if trouble and trouble != self._hitch:
            _log.warning("champion not followed", model=self._contract.model, reason=trouble)
        self._hitch = trouble
        self._slot.reason = self.trouble or self._slot.reason
