"""The fits that a job contains, and nothing else: `python -m tests.load.bare_training MODEL` prints the seconds."""

import sys
from time import perf_counter

from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from tests.load.options import ROOT
from tests.load.say import say
from trainer.datasets import load, split
from trainer.evaluation import features_and_target, folds_of
from trainer.recipes import RECIPES


def main(model: str) -> None:
    """Cross-validate every candidate of a recipe and fit the best one, on one thread as a job does."""
    recipe = RECIPES[model]
    train = split(recipe.contract, load(recipe.contract, recipe.source, ROOT / "data").frame).train
    features, target = features_and_target(recipe.contract, train)
    folds = folds_of(recipe)
    began = perf_counter()
    with threadpool_limits(limits=1):
        scores = {
            name: cross_val_score(make(), features, target, scoring=recipe.metric.scoring, cv=folds).mean()
            for name, make in recipe.candidates.items()
        }
        recipe.candidates[max(scores, key=scores.__getitem__)]().fit(features, target)
    say(f"{perf_counter() - began:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
