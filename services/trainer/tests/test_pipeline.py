"""One training from raw data to a registered version, with small candidates."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from trainer.errors import DataInvalid, ExportFailed
from trainer.in_memory_tracker import InMemoryTracker
from trainer.pipeline import TrainedVersion, train
from trainer.recipes import RECIPES, Recipe


class Unexportable(GaussianNB):  # type: ignore[misc] # sklearn has no types
    """As good as its parent, but no converter knows it."""


def recipe(**candidates: Callable[[], BaseEstimator]) -> Recipe:
    return replace(RECIPES["iris"], candidates=candidates)


def weak() -> BaseEstimator:
    return LogisticRegression(C=1e-6)


def strong() -> BaseEstimator:
    return LogisticRegression(max_iter=1_000)


class Stage:
    """A pipeline's surroundings."""

    def __init__(self, data_dir: Path, processed_dir: Path) -> None:
        self.data_dir = data_dir
        self.processed_dir = processed_dir
        self.tracker = InMemoryTracker()
        self.progress: list[tuple[str, int]] = []

    def train(self, recipe: Recipe) -> TrainedVersion:
        return train(
            recipe,
            data_dir=self.data_dir,
            processed_dir=self.processed_dir,
            tracker=self.tracker,
            progress=lambda stage, percent: self.progress.append((stage, percent)),
            reason="a test",
        )


@pytest.fixture
def stage(data_dir: Path, tmp_path: Path) -> Stage:
    return Stage(data_dir, tmp_path)


def test_the_best_candidate_is_registered(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, strong=strong))
    assert (trained.registered_model, trained.version, trained.candidate) == ("IrisBestModel", "1", "strong")
    assert trained.metrics["cv_accuracy_mean"] > 0.9
    assert trained.metrics["holdout_accuracy"] > 0.9
    (release,) = stage.tracker.releases
    assert release.run_id == trained.run_id
    assert release.tags["candidate"] == "strong"
    assert release.tags["reason"] == "a test"
    assert json.loads(release.tags["parity"])["passed"]
    assert "strong, the best of 2 candidates" in release.description


def test_each_candidate_has_a_run_of_its_own_under_the_training(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, strong=strong))
    run = stage.tracker.named("weak")
    assert run.parent == trained.run_id
    assert run.params["C"] == "1e-06"
    assert len(run.series["cv_accuracy"]) == 5
    assert set(run.metrics) == {"cv_accuracy_mean", "cv_accuracy_std"}
    assert all(run.succeeded for run in stage.tracker.runs.values())


def test_a_candidate_that_cannot_be_exported_gives_way_to_the_next(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, fancy=Unexportable))
    assert trained.candidate == "weak"
    assert "ExportFailed" in stage.tracker.named("fancy").tags["refused"]


def test_without_any_candidate_that_can_be_exported_nothing_is_registered(stage: Stage) -> None:
    with pytest.raises(ExportFailed):
        stage.train(recipe(fancy=Unexportable))
    assert stage.tracker.releases == []
    assert stage.tracker.named("training").succeeded is False


def test_a_candidate_that_answers_differently_in_onnx_gives_way_to_the_next(stage: Stage) -> None:
    # skl2onnx writes this classifier's thresholds as float32.
    boosting = lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0)  # noqa: E731
    trained = stage.train(recipe(weak=weak, boosting=boosting))
    assert trained.candidate == "weak"
    assert "refused" in stage.tracker.named("boosting").tags


def test_broken_data_stops_a_training_before_it_begins(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "iris_raw.csv").write_text("nonsense\n")
    stage.data_dir = tmp_path
    with pytest.raises(DataInvalid):
        stage.train(recipe(weak=weak))
    assert stage.tracker.runs == {}


def test_progress_never_goes_back_and_ends_at_a_hundred(stage: Stage) -> None:
    stage.train(recipe(weak=weak, strong=strong))
    percents = [percent for _, percent in stage.progress]
    assert percents == sorted(percents)
    assert stage.progress[-1] == ("registered", 100)
    assert {"cross-validate weak", "cross-validate strong", "refit strong"} <= {name for name, _ in stage.progress}


def test_the_manifest_holds_the_pipelines_own_answers(stage: Stage) -> None:
    stage.train(recipe(strong=strong))
    (release,) = stage.tracker.releases
    manifest = release.manifest
    assert manifest.onnx_bytes == len(release.onnx)
    assert set(manifest.training_range) == set(manifest.features)
    assert set(manifest.golden.predictions) == {"setosa", "versicolor", "virginica"}
    assert len(manifest.golden.rows) == len(manifest.golden.probabilities) == 30
