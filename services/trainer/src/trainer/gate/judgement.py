"""The winner of a training before the gate: measured by itself and beside the champion, then decided upon."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd
import structlog

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ModelVersionNotFound
from mlplatform.runtime.session import OnnxModel
from trainer.candidates import Winner
from trainer.evaluation import features_and_target
from trainer.gate.champion import Champion
from trainer.gate.comparison import Comparison, Losses, SliceLoss, by_slice, compare, loss, row_losses
from trainer.gate.decision import Decision, Evidence, decide
from trainer.gate.signature import declared, promised
from trainer.recipes.base import Recipe

FindChampion = Callable[[Contract], Champion | None]
"""The version that serves, if there is one; raises as `load_champion` does."""

_TIMED_ROWS = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Judgement:
    """What the gate decided, whom the candidate met, and how it does in each slice."""

    decision: Decision
    champion: str | None
    slices: Mapping[str, SliceLoss]
    comparison: Comparison | None


def judge(recipe: Recipe, winner: Winner, holdout: pd.DataFrame, find_champion: FindChampion) -> Judgement:
    """Judge on the hold-out, which no version has been trained on."""
    contract = recipe.contract
    champion = _champion(contract, find_champion)
    losses = _losses(contract, winner.model, holdout)
    evidence = Evidence(
        loss=loss(losses, is_classification=contract.is_classification),
        onnx_bytes=len(winner.onnx),
        row_microseconds=_row_microseconds(contract, winner.model, holdout),
        parity_difference=winner.parity.max_error,
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
        decision=decide(recipe.policy, evidence, comparison),
        champion=champion.version if champion else None,
        slices=by_slice(losses, slices, is_classification=contract.is_classification),
        comparison=comparison,
    )


def _champion(contract: Contract, find_champion: FindChampion) -> Champion | None:
    try:
        return find_champion(contract)
    except (ArtifactRejected, ModelVersionNotFound) as error:
        # A champion that no predictor could load either protects nobody.
        _log.warning("the champion cannot be met", model=contract.model, reason=str(error))
        return None


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
