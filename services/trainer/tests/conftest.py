"""Small pieces of the true data, and a database."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine
from threadpoolctl import threadpool_limits

from trainer.datasets import load
from trainer.db.engine import connect
from trainer.db.migrate import migrate
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


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An empty database with the tables of now."""
    engine = connect(f"sqlite:///{tmp_path}/trainer.db")
    migrate(engine)
    return engine
