"""Which feedback may be trained on."""

from dataclasses import replace

import pandas as pd
import pytest

from mlplatform.contracts import HOUSING, IRIS, Contract
from trainer.datasets import Split
from trainer.labelled import (
    BEYOND_SHARE,
    BREAKS_CONTRACT,
    IMPOSSIBLE_TRUTH,
    IN_HOLDOUT,
    FeedbackRow,
    choose,
    with_labelled,
)
from trainer.recipes import RECIPES


def rows(contract: Contract, count: int, target: object, shift: float = 0.0) -> pd.DataFrame:
    first, *others = contract.example.items()
    return pd.DataFrame(
        [{first[0]: first[1] + shift + index / 100, **dict(others), contract.target: target} for index in range(count)]
    )


HOUSES = Split(train=rows(HOUSING, 20, 2.0), holdout=rows(HOUSING, 5, 2.0, shift=100))
FLOWERS = Split(train=rows(IRIS, 20, "setosa"), holdout=rows(IRIS, 5, "setosa", shift=50))


def given(contract: Contract, truth: object, number: int = 0, **features: object) -> FeedbackRow:
    return FeedbackRow(f"id-{number}", {**contract.example, **features}, truth)


def test_what_is_in_order_is_trained_on_oldest_first() -> None:
    found = [given(HOUSING, 3.5, 2, MedInc=9.0), given(HOUSING, 1, 1)]
    labelled = choose(HOUSING, RECIPES["housing"].source, found, HOUSES, most_share=0.5)
    assert labelled.refused == {}
    assert labelled.frame["MedHouseVal"].tolist() == [1.0, 3.5]
    together = with_labelled(HOUSES.train, labelled)
    assert together.dtypes.equals(HOUSES.train.dtypes)
    assert together["MedInc"].tolist()[-2:] == [8.3252, 9.0]
    assert len(together) == 22


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (given(HOUSING, 2.0, Latitude=200), BREAKS_CONTRACT),
        (given(HOUSING, 2.0, MedInc="8"), BREAKS_CONTRACT),
        (given(HOUSING, 2.0, Colour=1), BREAKS_CONTRACT),
        (FeedbackRow("id", {"MedInc": 1.0}, 2.0), BREAKS_CONTRACT),
        (FeedbackRow("id", [1, 2, 3], 2.0), BREAKS_CONTRACT),
        (FeedbackRow("id", None, 2.0), BREAKS_CONTRACT),
        (given(HOUSING, 5.1), IMPOSSIBLE_TRUTH),
        (given(HOUSING, -0.1), IMPOSSIBLE_TRUTH),
        (given(HOUSING, float("nan")), IMPOSSIBLE_TRUTH),
        (given(HOUSING, "2.0"), IMPOSSIBLE_TRUTH),
        (given(HOUSING, True), IMPOSSIBLE_TRUTH),
        (given(HOUSING, None), IMPOSSIBLE_TRUTH),
        (given(HOUSING, [2.0]), IMPOSSIBLE_TRUTH),
        (given(HOUSING, 2.0, MedInc=HOUSES.holdout["MedInc"][3]), IN_HOLDOUT),
    ],
)
def test_a_house_that_must_not_be_trained_on_is_refused_with_its_reason(row: FeedbackRow, reason: str) -> None:
    labelled = choose(HOUSING, RECIPES["housing"].source, [row], HOUSES, most_share=0.5)
    assert labelled.refused == {reason: 1}
    assert with_labelled(HOUSES.train, labelled) is HOUSES.train


@pytest.mark.parametrize("truth", ["tulip", 1, "", None, True])
def test_a_species_that_does_not_exist_is_refused(truth: object) -> None:
    labelled = choose(IRIS, RECIPES["iris"].source, [given(IRIS, truth)], FLOWERS, most_share=0.5)
    assert labelled.refused == {IMPOSSIBLE_TRUTH: 1}


@pytest.mark.parametrize(("share", "used"), [(0.0, 0), (0.1, 2), (0.2, 5), (0.5, 20), (0.9, 30)])
def test_feedback_is_at_most_its_share_of_all_training_rows_and_the_newest_count(share: float, used: int) -> None:
    found = [given(IRIS, "virginica", number, sepal_length=1 + number / 10) for number in range(30)]
    labelled = choose(IRIS, RECIPES["iris"].source, found, FLOWERS, most_share=share)
    assert len(labelled.frame) == used
    assert labelled.refused == ({} if used == 30 else {BEYOND_SHARE: 30 - used})
    assert labelled.frame["sepal_length"].tolist() == [1 + number / 10 for number in reversed(range(used))]
    assert used == 30 or len(labelled.frame) <= share * (len(labelled.frame) + len(FLOWERS.train))


def test_the_checksum_is_that_of_what_is_used() -> None:
    source = RECIPES["iris"].source
    one, other, broken = (given(IRIS, truth, number) for number, truth in enumerate(["setosa", "virginica", "tulip"]))
    both = choose(IRIS, source, [one, other], FLOWERS, most_share=0.5)
    assert choose(IRIS, source, [one, broken, other], FLOWERS, most_share=0.5).sha256 == both.sha256
    assert choose(IRIS, source, [one, replace(other, truth="setosa")], FLOWERS, most_share=0.5).sha256 != both.sha256
