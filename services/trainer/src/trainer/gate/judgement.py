"""The winner of a training before the gate: measured by itself and beside the champion, then decided upon."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd

from mlplatform.contracts import Contract
from mlplatform.runtime.session import OnnxModel
from trainer.candidates import Winner
from trainer.errors import ChampionUnmet
from trainer.evaluation import features_and_target
from trainer.gate.champion import Champion
from trainer.gate.comparison import Comparison, Losses, SliceLoss, by_slice, compare, loss, row_losses
from trainer.gate.decision import Decision, Evidence, decide
from trainer.gate.signature import declared, promised
from trainer.recipes.base import Recipe

FindChampion = Callable[[Contract], Champion | None]
"""The version that serves, if there is one; raises as `load_champion` does."""

_TIMED_ROWS = 200


@dataclass(frozen=True)
class Judgement:
    """What the gate decided, who served meanwhile, and how the candidate does in each slice and beside the champion."""

    decision: Decision
    champion: str | None
    slices: Mapping[str, SliceLoss]
    comparison: Comparison | None


def judge(recipe: Recipe, winner: Winner, holdout: pd.DataFrame, find_champion: FindChampion) -> Judgement:
    """Judge on the hold-out, which no version has been trained on."""
    contract = recipe.contract
    champion, unmet = _champion(contract, find_champion)
    losses = _losses(contract, winner.model, holdout)
    evidence = Evidence(
        loss=loss(losses, is_classification=contract.is_classification),
        onnx_bytes=len(winner.onnx),
        row_microseconds=_row_microseconds(contract, winner.model, holdout),
        parity_difference=winner.parity.max_error,
        parity_tolerance=winner.parity.tolerance,
        contract_breaks=_contract_breaks(contract, winner, champion),
    )
    slices = recipe.slices(holdout)
    comparison = None
    if champion and champion.model:
        comparison = compare(
            losses,
            _losses(contract, champion.model, holdout),
            champion.version,
            slices,
            is_classification=contract.is_classification,
            seed=recipe.seed,
        )
    return Judgement(
        decision=decide(recipe.policy, evidence, comparison, unmet=str(unmet) if unmet else None),
        champion=_served_by(champion, unmet),
        slices=by_slice(losses, slices, is_classification=contract.is_classification),
        comparison=comparison,
    )


def _champion(contract: Contract, find_champion: FindChampion) -> tuple[Champion | None, ChampionUnmet | None]:
    try:
        return find_champion(contract), None
    except ChampionUnmet as error:
        return None, error


def _served_by(champion: Champion | None, unmet: ChampionUnmet | None) -> str | None:
    served_by = champion or unmet
    return served_by.version if served_by else None


def _contract_breaks(contract: Contract, winner: Winner, champion: Champion | None) -> tuple[str, ...]:
    mine = declared(winner.manifest, winner.onnx)
    breaks = mine.differences(promised(contract), "the contract")
    if champion:
        breaks += mine.differences(champion.signature, f"version {champion.version}")
    return breaks


def _losses(contract: Contract, model: OnnxModel, holdout: pd.DataFrame) -> Losses:
    features, target = features_and_target(contract, holdout)
    predicted, _ = model.run(features.to_numpy(dtype=np.float64))
    return row_losses(target, predicted)


def _row_microseconds(contract: Contract, model: OnnxModel, holdout: pd.DataFrame) -> float:
    """The median over rows in turn: the first calls and the interruptions do not count."""
    features, _ = features_and_target(contract, holdout.head(_TIMED_ROWS))
    durations = []
    for row in features.to_numpy(dtype=np.float64).tolist():
        began = perf_counter()
        model.run_few([row])
        durations.append(perf_counter() - began)
    return float(np.median(durations) * 1e6)
