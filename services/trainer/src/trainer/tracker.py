"""The seam to the experiment tracker and model registry.

`trainer.tracking` is the real one, `trainer.in_memory_tracker` its twin for tests.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
from sklearn.base import BaseEstimator

from mlplatform.contracts import Contract
from mlplatform.errors import RegistryUnavailable
from mlplatform.registry.manifest import Manifest
from trainer.errors import RegistryRefused


@dataclass(frozen=True)
class Release:
    """All that becomes a model version.

    Args:
        contract: names the registered model.
        run_id: the training that made it.
        estimator: the fitted scikit-learn pipeline.
        onnx: the same as ONNX.
        manifest: what a predictor checks.
        example: a few rows of features.
        tags: of the version, written before any alias can point at it.
        description: one sentence for a reader of the registry.
        files: more to keep beside the model, by name.
        above: its number is greater; a registry that has lost its store would give known numbers out again.
    """

    contract: Contract
    run_id: str
    estimator: BaseEstimator
    onnx: bytes
    manifest: Manifest
    example: pd.DataFrame
    tags: Mapping[str, str]
    description: str
    files: Mapping[str, bytes]
    above: int = 0


class Tracker(Protocol):
    """Where trainings are recorded and versions registered.

    Every method raises `RegistryUnavailable` when the tracker does not answer, `RegistryRefused` when it does and will
    not do it.
    """

    def start_run(self, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None) -> str:
        """Open a run, nested under `parent` if there is one; returns its id."""
        ...

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """What an estimator was made with."""
        ...

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """One value for each name."""
        ...

    def log_series(self, run_id: str, name: str, values: Sequence[float]) -> None:
        """One value for each step, such as each fold."""
        ...

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Facts about a run learnt on the way."""
        ...

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        """Close a run."""
        ...

    def register(self, release: Release) -> str:
        """Make a new version, complete with its files and tags; returns its number. Moves no alias.

        A run makes one version, however often it is registered.
        """
        ...


@contextmanager
def recorded_run(
    tracker: Tracker, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None
) -> Iterator[str]:
    """A run that is open for as long as the block runs, and ends as the block does."""
    run_id = tracker.start_run(experiment, name, tags=tags, parent=parent)
    try:
        yield run_id
    except BaseException:  # a worker that has to stop leaves no open run behind either
        with suppress(RegistryUnavailable, RegistryRefused):  # what went wrong first is what is told
            tracker.end_run(run_id, succeeded=False)
        raise
    tracker.end_run(run_id, succeeded=True)
