"""A predictor without HTTP: its watcher, what it fills, and its metrics."""

from pathlib import Path

from mlplatform.contracts import HOUSING
from mlplatform.registry import ArtifactCache, Fetcher
from mlplatform.runtime import Slot, VersionTable
from mlplatform.serving.on_demand import OnDemand
from mlplatform.serving.routing import Router
from mlplatform.serving.versions import Versions
from mlplatform.serving.watcher import Watcher
from mlplatform.telemetry.metrics import PredictorMetrics, process_registry
from mlplatform.telemetry.rollout import RolloutMetrics
from mlplatform.testing import InMemoryRegistry, untried
from mlplatform.verification import Trial


class Replica:
    def __init__(
        self, registry: InMemoryRegistry, cache: Path, *, trial: Trial = untried, most_model_bytes: int = 1_000_000
    ) -> None:
        self.slot = Slot("new")
        self.table = VersionTable(4, 1_000_000)
        self.collectors = process_registry()
        metrics, rollout = PredictorMetrics(self.collectors, "housing"), RolloutMetrics(self.collectors, "housing")
        store = ArtifactCache(cache)
        self.fetcher = Fetcher(HOUSING.registered_model, registry, store, most_model_bytes)
        self.versions = Versions(
            contract=HOUSING, fetcher=self.fetcher, trial=trial, table=self.table, metrics=metrics, rollout=rollout
        )
        self.watcher = Watcher(
            contract=HOUSING,
            registry=registry,
            cache=store,
            slot=self.slot,
            versions=self.versions,
            metrics=metrics,
            rollout=rollout,
        )
        self.on_demand = OnDemand(HOUSING, self.versions)
        self.router = Router(self.slot, self.table, self.on_demand, rollout)

    async def check(self) -> None:
        """Ask the registry, and wait until all that it wants is there or known to be bad."""
        await self.watcher.check()
        await self.watcher.settled()

    @property
    def version(self) -> str | None:
        return self.slot.live and self.slot.live.version

    def sample(self, name: str, **labels: str) -> float | None:
        return self.collectors.get_sample_value(f"mlplatform_{name}", {"model": "housing", **labels})

    def reloads(self, outcome: str) -> float | None:
        return self.sample("model_reload_total", outcome=outcome)
