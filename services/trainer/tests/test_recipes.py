"""The recipes as a whole."""

import pytest
from sklearn.base import clone

from mlplatform.contracts import CONTRACTS
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
