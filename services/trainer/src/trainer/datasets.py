"""Raw data: read, checked before anything is trained on it, and split into train and hold-out."""

import csv
import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError
from sklearn.model_selection import train_test_split

from mlplatform.contracts import Contract
from trainer.errors import DataInvalid

CHECKSUMS_FILE = "SHA256SUMS"
HOLDOUT_SHARE = 0.2
SPLIT_SEED = 42

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Source:
    """A raw file and what is known of it beyond the contract.

    Args:
        file: its name in the data folder.
        description: what a row is.
        period: when the rows were observed.
        limits: what a reader of a model card should know of the data.
        target_range: the least and the greatest target of a regression; none for a classification.
        repeated_rows: how many rows of the true data equal an earlier one.
    """

    file: str
    description: str
    period: str
    limits: tuple[str, ...] = ()
    target_range: tuple[float, float] | None = None
    repeated_rows: int = 0


@dataclass(frozen=True)
class Dataset:
    """Checked rows (features in tensor order, then the target) and the checksum of the file they came from."""

    frame: pd.DataFrame
    sha256: str


@dataclass(frozen=True)
class Split:
    """Rows to train on, and rows no candidate ever sees in training."""

    train: pd.DataFrame
    holdout: pd.DataFrame


def load(contract: Contract, source: Source, data_dir: Path) -> Dataset:
    """Read a raw file.

    Raises:
        DataInvalid: the file is missing or broken; the message names the line, as an editor counts, and the
            column of the first few problems.
    """
    path = data_dir / source.file
    try:
        content = path.read_bytes()
        lines = list(csv.reader(content.decode().splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataInvalid(f"{path} cannot be read: {error}") from error
    problems = _problems(contract, source, lines)
    shown = [problem for problem, _ in zip(problems, range(_SHOWN_PROBLEMS), strict=False)]
    if shown:
        raise DataInvalid(f"{path.name}: " + "; ".join(shown) + ("; and more" if any(problems) else ""))
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != _expected_sha256(data_dir / CHECKSUMS_FILE, source.file):
        raise DataInvalid(f"{path.name} is not the file that {CHECKSUMS_FILE} vouches for: its sha256 is {sha256}")
    return Dataset(_frame(contract, lines), sha256)


def split(contract: Contract, frame: pd.DataFrame) -> Split:
    """The same rows always part in the same way; each label keeps its share."""
    labels = frame[contract.target] if contract.is_classification else None
    train, holdout = train_test_split(frame, test_size=HOLDOUT_SHARE, random_state=SPLIT_SEED, stratify=labels)
    return Split(train.reset_index(drop=True), holdout.reset_index(drop=True))


def process(contract: Contract, dataset: Dataset, processed_dir: Path) -> Split:
    """Split, and keep both parts as `<processed_dir>/<model>/{train,holdout}.csv`, with every digit."""
    parts = split(contract, dataset.frame)
    folder = processed_dir / contract.model
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("train", parts.train), ("holdout", parts.holdout)):
        # One rename: a reader sees the old file or the new one, never half of it.
        partial = folder / f".{name}.{os.getpid()}.csv"
        frame.to_csv(partial, index=False)
        partial.replace(folder / f"{name}.csv")
    return parts


def _problems(contract: Contract, source: Source, lines: Sequence[Sequence[str]]) -> Iterator[str]:
    header = [*contract.feature_names, contract.target]
    if not lines or list(lines[0]) != header:
        yield f"line 1: the columns must be {','.join(header)}"
        return
    if len(lines) == 1:
        yield "there are no rows"
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            yield f"line {number}: {len(cells)} cells instead of {len(header)}"
            continue
        yield from _cell_problems(contract, source, number, dict(zip(header, cells, strict=True)))
    yield from _repetitions(source, lines)


def _cell_problems(contract: Contract, source: Source, number: int, cells: dict[str, str]) -> Iterator[str]:
    target = cells[contract.target]
    if problem := target_problem(contract, source, target):
        yield f"line {number}, column {contract.target}: {problem}"
    values: dict[str, float] = {}
    for column in contract.feature_names:
        value = _number(cells[column])
        if value is None:
            yield f"line {number}, column {column}: {_not_a_number(cells[column])}"
        else:
            values[column] = value
    if len(values) == len(contract.feature_names):
        try:
            contract.features.model_validate(values)
        except ValidationError as error:
            for refusal in error.errors():
                column = str(refusal["loc"][0])
                yield f"line {number}, column {column}: {cells[column]}: {refusal['msg']}"


def target_problem(contract: Contract, source: Source, cell: str) -> str | None:
    """Why a target cannot be what it says, if so."""
    if contract.is_classification:
        known = cell in contract.labels
        return None if known else f"{cell!r} is none of {', '.join(contract.labels)}"
    value = _number(cell)
    if value is None:
        return _not_a_number(cell)
    if source.target_range and not source.target_range[0] <= value <= source.target_range[1]:
        return f"{cell} is outside {source.target_range[0]} to {source.target_range[1]}"
    return None


def _not_a_number(cell: str) -> str:
    return f"{cell!r} is not a number" if cell.strip() else "empty"


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _repetitions(source: Source, lines: Sequence[Sequence[str]]) -> Iterator[str]:
    counts = Counter(map(tuple, lines[1:]))
    if len(lines) - 1 - len(counts) <= source.repeated_rows:
        return
    first: dict[tuple[str, ...], int] = {}
    for number, cells in enumerate(map(tuple, lines[1:]), start=2):
        if cells in first:
            yield f"line {number}: repeats line {first[cells]}, and {source.repeated_rows} may"
        first.setdefault(cells, number)


def _expected_sha256(checksums: Path, file: str) -> str:
    try:
        entries = [line.split(maxsplit=1) for line in checksums.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise DataInvalid(f"{checksums} cannot be read: {error}") from error
    for sha256, name in entries:
        if name.lstrip("*") == file:
            return sha256
    raise DataInvalid(f"{checksums.name} does not list {file}")


def _frame(contract: Contract, lines: Sequence[Sequence[str]]) -> pd.DataFrame:
    columns = list(zip(*lines[1:], strict=True))
    frame = pd.DataFrame(dict(zip(lines[0], columns, strict=True)))
    numeric = list(contract.feature_names)
    if not contract.is_classification:
        numeric.append(contract.target)
    return frame.astype(dict.fromkeys(numeric, "float64"))
