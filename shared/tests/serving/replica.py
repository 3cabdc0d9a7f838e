"""A predictor without HTTP: its watcher, what it fills, and its metrics."""

from pathlib import Path

from mlplatform.contracts import HOUSING
from mlplatform.registry import TRAFFIC_TAG, ArtifactCache, Fetcher, Traffic
from mlplatform.runtime import Slot, VersionTable
from mlplatform.serving.shadow import Shadows
from mlplatform.serving.versions import Versions
from mlplatform.serving.watcher import Watcher
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.predictor import PredictorMetrics
from mlplatform.telemetry.rollout import RolloutMetrics
from mlplatform.telemetry.shadow import ShadowMetrics
from mlplatform.testing import InMemoryRegistry, untried
from mlplatform.verification import Load, Trial, load


class Replica:
    def __init__(
        self,
        registry: InMemoryRegistry,
        cache: Path,
        *,
        trial: Trial = untried,
        load: Load = load,
        most_model_bytes: int = 1_000_000,
    ) -> None:
        self.slot = Slot("new")
        self.table = VersionTable(4, 1_000_000)
        self.collectors = process_registry()
        metrics, rollout = PredictorMetrics(self.collectors, "housing"), RolloutMetrics(self.collectors, "housing")
        store = ArtifactCache(cache)
        self.fetcher = Fetcher(HOUSING.registered_model, registry, store, most_model_bytes)
        self.versions = Versions(
            contract=HOUSING, fetcher=self.fetcher, trial=trial, load=load, table=self.table, metrics=metrics
        )
        self.shadows = Shadows(ShadowMetrics(self.collectors, "housing"))
        self.watcher = Watcher(
            registry=registry,
            cache=store,
            slot=self.slot,
            versions=self.versions,
            shadows=self.shadows,
            metrics=metrics,
            rollout=rollout,
        )

    async def check(self) -> None:
        """Ask the registry, and wait until all that it wants is there or known to be bad."""
        await self.watcher.check()
        await self.watcher.settled()

    @property
    def version(self) -> str | None:
        return self.slot.live.version if self.slot.live else None

    def sample(self, name: str, **labels: str) -> float | None:
        return self.collectors.get_sample_value(f"mlplatform_{name}", {"model": "housing", **labels})

    def reloads(self, outcome: str) -> float | None:
        return self.sample("model_reload_total", outcome=outcome)


def traffic(challenger: str = "2", **more: object) -> dict[str, str]:
    """The tag of a registered model with that traffic."""
    asked = {"challenger": challenger, "challenger_percent": 30, "salt": "salt", **more}
    return {TRAFFIC_TAG: Traffic.model_validate(asked).model_dump_json()}
