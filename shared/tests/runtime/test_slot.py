import numpy as np
import pytest
from shared.tests.conftest import regression_onnx

from mlplatform.contracts import HOUSING
from mlplatform.errors import ModelNotReady
from mlplatform.runtime import LiveModel, OnnxModel, Slot, TrainingRange

SEEN = TrainingRange(("a", "b"), (0.0, 10.0), (1.0, 20.0))


def test_an_empty_slot_says_why_it_is_empty() -> None:
    with pytest.raises(ModelNotReady, match="nothing trained yet"):
        Slot("nothing trained yet").get()


def test_who_holds_the_old_model_keeps_it_after_a_swap() -> None:
    slot = Slot("empty")
    model = OnnxModel(HOUSING, regression_onnx())
    slot.swap(LiveModel("1", model, SEEN))
    held = slot.get()
    slot.swap(LiveModel("2", model, SEEN))
    assert (held.version, slot.get().version) == ("1", "2")


def test_the_bounds_of_what_training_saw_are_inside() -> None:
    assert SEEN.unseen([0.0, 20.0]) == []


def test_features_outside_are_told_by_position() -> None:
    assert SEEN.unseen([-0.1, 20.1]) == [0, 1]


def test_of_many_rows_those_outside_are_told_for_each_feature() -> None:
    rows = np.array([[0.5, 15.0], [2.0, 15.0], [2.0, 9.0]])
    assert SEEN.unseen_rows(rows) == {0: [1, 2], 1: [2]}
