"""The tracker's twin for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainer.tracker import Release


@dataclass
class RecordedRun:
    """A run as it was recorded; `succeeded` is none while it is open."""

    experiment: str
    name: str
    parent: str | None
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    series: dict[str, list[float]] = field(default_factory=dict)
    succeeded: bool | None = None


@dataclass
class InMemoryTracker:
    """A `Tracker` that keeps everything where a test can look at it."""

    runs: dict[str, RecordedRun] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)

    def start_run(self, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None) -> str:
        run_id = f"run-{len(self.runs) + 1}"
        self.runs[run_id] = RecordedRun(experiment, name, parent, dict(tags))
        return run_id

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        self.runs[run_id].params.update(params)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        self.runs[run_id].metrics.update(metrics)

    def log_series(self, run_id: str, name: str, values: Sequence[float]) -> None:
        self.runs[run_id].series[name] = list(values)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        self.runs[run_id].tags.update(tags)

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        self.runs[run_id].succeeded = succeeded

    def register(self, release: Release) -> str:
        if release.run_id not in self._registered_runs():
            self.releases.append(release)
        return str(release.above + 1 + self._registered_runs().index(release.run_id))

    def _registered_runs(self) -> list[str]:
        return [release.run_id for release in self.releases]

    def named(self, name: str) -> RecordedRun:
        """The only run of that name."""
        (run,) = [run for run in self.runs.values() if run.name == name]
        return run
