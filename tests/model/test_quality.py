"""Whether the true recipes, trained on the true data, are as good as promised."""

from pathlib import Path

from trainer.in_memory_tracker import InMemoryTracker
from trainer.pipeline import Sources, TrainedVersion, train
from trainer.recipes import RECIPES

ROOT = Path(__file__).parents[2]


def trained(model: str, processed_dir: Path) -> TrainedVersion:
    return train(
        RECIPES[model],
        sources=Sources(ROOT / "data", processed_dir),
        tracker=InMemoryTracker(),
        progress=lambda _stage, _percent: None,
        reason="the quality test",
    )


def test_housing_is_predicted_within_47_thousand_dollars(tmp_path: Path) -> None:
    assert trained("housing", tmp_path).metrics["holdout_rmse"] < 0.47


def test_iris_is_recognised_in_95_of_100_cases(tmp_path: Path) -> None:
    assert trained("iris", tmp_path).metrics["cv_accuracy_mean"] >= 0.95
