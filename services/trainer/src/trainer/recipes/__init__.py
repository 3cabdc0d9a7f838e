"""How each model is trained. A new model is one file here and one line in `RECIPES`."""

from trainer.recipes.base import ACCURACY, RMSE, Metric, Quick, Recipe
from trainer.recipes.housing import HOUSING_RECIPE
from trainer.recipes.iris import IRIS_RECIPE

RECIPES = {"housing": HOUSING_RECIPE, "iris": IRIS_RECIPE}

__all__ = ["ACCURACY", "RECIPES", "RMSE", "Metric", "Quick", "Recipe"]
