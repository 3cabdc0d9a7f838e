"""Small pieces of the true data."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from trainer.datasets import load
from trainer.recipes import RECIPES

RAW = Path(__file__).parents[3] / "data"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As the pipeline does it: OpenMP's threads spin, which makes tests slow wherever cores are shared."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    return RAW


@pytest.fixture(scope="session")
def iris() -> pd.DataFrame:
    recipe = RECIPES["iris"]
    return load(recipe.contract, recipe.source, RAW).frame


@pytest.fixture(scope="session")
def housing() -> pd.DataFrame:
    """Every twentieth row."""
    recipe = RECIPES["housing"]
    return load(recipe.contract, recipe.source, RAW).frame.iloc[::20].reset_index(drop=True)
