"""Whether the true recipes, trained on the true data, are as good as promised."""

from pathlib import Path

import pytest

from trainer.in_memory_tracker import InMemoryTracker
from trainer.pipeline import TrainedVersion, train
from trainer.recipes import RECIPES

ROOT = Path(__file__).parents[2]


def trained(model: str, processed_dir: Path) -> TrainedVersion:
    return train(
        RECIPES[model],
        data_dir=ROOT / "data",
        processed_dir=processed_dir,
        tracker=InMemoryTracker(),
        find_champion=lambda _: None,
        progress=lambda _stage, _percent: None,
        reason="the quality test",
    )


def test_housing_is_predicted_within_47_thousand_dollars(tmp_path: Path) -> None:
    assert trained("housing", tmp_path).metrics["holdout_rmse"] < 0.47


def test_iris_is_recognised_in_95_of_100_cases(tmp_path: Path) -> None:
    assert trained("iris", tmp_path).metrics["cv_accuracy_mean"] >= 0.95


def test_training_again_gives_the_same_model(tmp_path: Path) -> None:
    first, second = trained("iris", tmp_path / "1"), trained("iris", tmp_path / "2")
    assert first.metrics == pytest.approx(second.metrics, abs=1e-12)
    assert first.candidate == second.candidate
