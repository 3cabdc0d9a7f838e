import numpy as np
import pandas as pd
import pytest

from trainer.gate.comparison import compare, interval, loss, row_losses

SEED = 42


def normal(scale: float, rows: int = 2_000, seed: int = 1) -> np.ndarray:
    return np.square(np.random.default_rng(seed).normal(scale=scale, size=rows))


def test_the_loss_of_prices_is_their_root_mean_squared_error() -> None:
    losses = row_losses(pd.Series([1.0, 2.0]), np.array([1.0, 5.0], dtype=np.float32))
    assert loss(losses, is_classification=False) == pytest.approx(np.sqrt(4.5))


def test_the_loss_of_labels_is_the_share_of_wrong_ones() -> None:
    losses = row_losses(pd.Series(["a", "b", "c", "c"]), np.array(["a", "b", "b", "c"], dtype=object))
    assert loss(losses, is_classification=True) == 0.25


def test_the_same_losses_differ_by_nothing() -> None:
    losses = normal(0.5)
    assert interval(losses, losses, is_classification=False, seed=SEED) == (0.0, 0.0)


def test_the_interval_is_the_same_every_time() -> None:
    args = normal(0.5), normal(0.51, seed=2)
    first = interval(*args, is_classification=False, seed=SEED)
    assert interval(*args, is_classification=False, seed=SEED) == first


def test_a_clear_difference_lies_wholly_on_one_side() -> None:
    low, high = interval(normal(0.6), normal(0.4, seed=2), is_classification=False, seed=SEED)
    assert 0.15 < low < 0.2 < high < 0.25


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    """Champion and candidate of equal worth: zero should lie within 95 of 100 intervals, give or take."""
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        shared = random.normal(size=400)
        pair = [np.square(shared + 0.3 * random.normal(size=400)) for _ in range(2)]
        low, high = interval(pair[0], pair[1], is_classification=False, seed=SEED)
        held += low <= 0 <= high
    assert 88 <= held <= 100


def test_every_slice_is_compared_on_its_own_rows() -> None:
    candidate, champion = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    species = pd.Series(["a", "a", "b", "b"])
    result = compare(candidate, champion, "3", {"species": species}, is_classification=True, seed=SEED)
    assert [(part.name, part.rows, part.difference) for part in result.slices] == [
        ("species: a", 2, 0.5),
        ("species: b", 2, -1.0),
    ]
    assert (result.champion_version, result.candidate, result.champion) == ("3", 0.25, 0.5)
