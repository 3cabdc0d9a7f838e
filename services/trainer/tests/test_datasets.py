"""Raw data is checked before anything is trained on it."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlplatform.contracts import HOUSING, IRIS
from trainer.datasets import Source, load, process, split
from trainer.errors import DataInvalid
from trainer.recipes import RECIPES

RAW = Path(__file__).parents[3] / "data"
SOURCE = RECIPES["iris"].source

Lines = list[str]


def load_iris(folder: Path, change: Callable[[Lines], Lines] = lambda lines: lines) -> pd.DataFrame:
    """The true iris file after a change, with a checksum that vouches for it."""
    lines = change((RAW / SOURCE.file).read_text().splitlines())
    content = "\n".join([*lines, ""]).encode()
    (folder / SOURCE.file).write_bytes(content)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  {SOURCE.file}\n")
    return load(IRIS, SOURCE, folder).frame


def with_line(number: int, text: str) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


@pytest.mark.parametrize(("model", "rows"), [("housing", 20_640), ("iris", 150)])
def test_the_true_data_is_accepted(model: str, rows: int) -> None:
    recipe = RECIPES[model]
    dataset = load(recipe.contract, recipe.source, RAW)
    assert len(dataset.frame) == rows
    assert list(dataset.frame) == [*recipe.contract.feature_names, recipe.contract.target]
    assert dataset.sha256 == hashlib.sha256((RAW / recipe.source.file).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("5.1,,1.4,0.2,setosa", "line 7, column sepal_width: empty"),
        ("5.1,wide,1.4,0.2,setosa", "line 7, column sepal_width: 'wide' is not a number"),
        ("5.1,nan,1.4,0.2,setosa", "line 7, column sepal_width: 'nan' is not a number"),
        ("5.1,3.5,-1.4,0.2,setosa", "line 7, column petal_length: -1.4: Input should be greater than 0"),
        ("5.1,3.5,1400,0.2,setosa", "line 7, column petal_length: 1400: Input should be less than"),
        ("5.1,3.5,1.4,0.2,tulip", "line 7, column species: 'tulip' is none of setosa"),
        ("5.1,3.5,1.4,0.2,", "line 7, column species: '' is none of setosa"),
        ("5.1,3.5,1.4,setosa", "line 7: 4 cells instead of 5"),
    ],
)
def test_a_broken_cell_is_named_by_line_and_column(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataInvalid, match=re.escape(f"{SOURCE.file}: {message}")):
        load_iris(tmp_path, with_line(7, line))


def test_a_target_out_of_range_is_named_by_line_and_column(tmp_path: Path) -> None:
    source = Source(file="housing_raw.csv", description="", period="", target_range=(0.0, 5.00001))
    header = ",".join([*HOUSING.feature_names, HOUSING.target])
    (tmp_path / source.file).write_text(f"{header}\n8.3,41,6.9,1.02,322,2.5,37.88,-122.23,7.5\n")
    with pytest.raises(DataInvalid, match=re.escape("line 2, column MedHouseVal: 7.5 is outside 0.0 to 5.00001")):
        load(HOUSING, source, tmp_path)


def test_only_the_first_problems_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid) as refusal:
        load_iris(tmp_path, lambda lines: [lines[0], *(["x,1,1,1,setosa"] * 20)])
    assert str(refusal.value).count("line ") == 5
    assert str(refusal.value).endswith("; and more")


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="line 1: the columns must be sepal_length,"):
        load_iris(tmp_path, with_line(1, "a,b,c,d,e"))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="there are no rows"):
        load_iris(tmp_path, lambda lines: lines[:1])


def test_one_more_repeated_row_than_the_data_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="line 152: repeats line 2, and 1 may"):
        load_iris(tmp_path, lambda lines: [*lines, lines[1]])


def test_a_file_that_is_valid_but_not_the_registered_one_is_refused(tmp_path: Path) -> None:
    load_iris(tmp_path)
    with (tmp_path / SOURCE.file).open("a") as file:
        file.write("5.15,3.5,1.4,0.2,setosa\n")
    with pytest.raises(DataInvalid, match="is not the file that SHA256SUMS vouches for"):
        load(IRIS, SOURCE, tmp_path)


def test_a_missing_file_or_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="cannot be read"):
        load(IRIS, SOURCE, tmp_path)
    load_iris(tmp_path)
    (tmp_path / "SHA256SUMS").write_text("")
    with pytest.raises(DataInvalid, match="SHA256SUMS does not list"):
        load(IRIS, SOURCE, tmp_path)


def test_the_split_is_the_same_each_time_and_keeps_the_share_of_each_label(tmp_path: Path) -> None:
    frame = load_iris(tmp_path)
    first, second = split(IRIS, frame), split(IRIS, frame)
    pd.testing.assert_frame_equal(first.holdout, second.holdout)
    assert (len(first.train), len(first.holdout)) == (120, 30)
    assert set(first.holdout["species"].value_counts()) == {10}


def test_the_written_parts_read_back_to_the_last_digit(tmp_path: Path) -> None:
    recipe = RECIPES["housing"]
    parts = process(HOUSING, load(HOUSING, recipe.source, RAW), tmp_path)
    assert sorted(path.name for path in (tmp_path / "housing").iterdir()) == ["holdout.csv", "train.csv"]
    read = pd.read_csv(tmp_path / "housing" / "holdout.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(read, parts.holdout, check_exact=True)
