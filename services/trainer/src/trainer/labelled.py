"""Labelled feedback to train on: predictions whose truth has become known. Pure.

A client can send anything as truth, so every row is held to what the raw data are held to, and all of them together
may be no more than a share of what is trained on. The hold-out stays as it is, and stays unseen.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import ValidationError

from mlplatform.contracts import Contract
from trainer.datasets import Source, Split, target_problem
from trainer.evaluation import features_and_target

BREAKS_CONTRACT = "features break the contract"
IMPOSSIBLE_TRUTH = "truth cannot be"
IN_HOLDOUT = "equals a hold-out row"
BEYOND_SHARE = "beyond the share"


@dataclass(frozen=True)
class FeedbackRow:
    """A prediction's features and what turned out to be true."""

    prediction_id: str
    features: Any
    truth: Any


@dataclass(frozen=True)
class Labelled:
    """Rows to train on besides the raw data, oldest first, their checksum, and how many were refused why."""

    frame: pd.DataFrame
    sha256: str
    refused: Mapping[str, int]


def choose(
    contract: Contract, source: Source, newest_first: Iterable[FeedbackRow], parts: Split, most_share: float
) -> Labelled:
    """The newest rows that can be trained on, at most `most_share` of all training rows."""
    holdout = {tuple(row) for row in features_and_target(contract, parts.holdout)[0].to_numpy().tolist()}
    most = int(len(parts.train) * most_share / (1 - most_share))
    used: list[FeedbackRow] = []
    refused: Counter[str] = Counter()
    for row in newest_first:
        problem = _problem(contract, source, row, holdout) or (BEYOND_SHARE if len(used) == most else None)
        if problem:
            refused[problem] += 1
        else:
            used.append(row)
    used.reverse()
    return Labelled(_frame(contract, used, like=parts.train), _sha256(used), dict(sorted(refused.items())))


def with_labelled(train: pd.DataFrame, labelled: Labelled | None) -> pd.DataFrame:
    """All rows to train on."""
    if labelled is None or labelled.frame.empty:
        return train
    return pd.concat([train, labelled.frame], ignore_index=True)


def _problem(contract: Contract, source: Source, row: FeedbackRow, holdout: set[tuple[float, ...]]) -> str | None:
    try:
        features = contract.features.model_validate(row.features)
    except ValidationError:
        return BREAKS_CONTRACT
    # A number that came as text, or a boolean, is a client's mistake: nobody knows what else is wrong with it.
    kinds = (str,) if contract.is_classification else (int, float)
    if type(row.truth) not in kinds or target_problem(contract, source, str(row.truth)):
        return IMPOSSIBLE_TRUTH
    if tuple(features.model_dump().values()) in holdout:
        return IN_HOLDOUT
    return None


def _frame(contract: Contract, rows: list[FeedbackRow], like: pd.DataFrame) -> pd.DataFrame:
    records = [{**row.features, contract.target: row.truth} for row in rows]
    return pd.DataFrame(records, columns=list(like.columns)).astype(like.dtypes.to_dict())


def _sha256(rows: list[FeedbackRow]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        facts = [row.prediction_id, row.features, row.truth]
        digest.update(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
