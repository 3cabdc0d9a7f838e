"""The recipes as a whole."""

import pytest
from sklearn.base import clone
from sqlalchemy import String

from mlplatform.contracts import CONTRACTS
from trainer.db.tables import jobs
from trainer.options import Effort
from trainer.recipes import RECIPES


def test_every_contract_has_a_recipe() -> None:
    assert {name: recipe.contract for name, recipe in RECIPES.items()} == CONTRACTS


@pytest.mark.parametrize("model", RECIPES)
def test_every_candidate_is_new_unfitted_and_seeded(model: str) -> None:
    for make in RECIPES[model].candidates.values():
        assert make() is not make()
        clone(make())
        seeds = {key: value for key, value in make().get_params().items() if key.endswith("random_state")}
        assert None not in seeds.values()


@pytest.mark.parametrize("model", RECIPES)
def test_the_stage_of_every_candidate_fits_into_its_column(model: str) -> None:
    column = jobs.c.stage.type
    assert isinstance(column, String)
    assert column.length is not None
    for name in RECIPES[model].candidates:
        assert len(f"cross-validate {name}, fold 100 of 100") <= column.length


@pytest.mark.parametrize("model", RECIPES)
def test_a_quick_training_tries_less_of_the_same(model: str) -> None:
    full, quick = (RECIPES[model].with_effort(effort) for effort in (Effort.FULL, Effort.QUICK))
    assert full == RECIPES[model]
    assert 0 < len(quick.candidates) < len(full.candidates)
    assert quick.candidates.items() <= full.candidates.items()
    assert 2 <= quick.folds < full.folds
    assert quick.repeats == 1
    assert (quick.policy, quick.metric, quick.seed) == (full.policy, full.metric, full.seed)
