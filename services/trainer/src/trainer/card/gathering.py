"""The card of a version that is about to be registered, gathered from what its training found out."""

from collections.abc import Iterable, Mapping

import pandas as pd

from mlplatform.contracts import Contract
from mlplatform.registry.manifest import Manifest
from trainer.candidates import Candidate, Winner
from trainer.card import facts
from trainer.evaluation import features_and_target
from trainer.gate.judgement import Judgement
from trainer.intervals import intervals
from trainer.parity import ParityReport
from trainer.recipes.base import Recipe


def gather(
    recipe: Recipe,
    winner: Winner,
    judgement: Judgement,
    holdout: pd.DataFrame,
    *,
    data: facts.Data,
    making: facts.Making,
    code: facts.Code,
) -> facts.Card:
    """All facts in one place."""
    contract = recipe.contract
    slices = list(_slices(recipe, judgement))
    return facts.Card(
        model=contract.model,
        registered_model=contract.registered_model,
        target=contract.target,
        unit=contract.unit,
        labels=list(contract.labels),
        loss="share of wrong labels" if contract.is_classification else "root mean squared error",
        onnx_bytes=winner.manifest.onnx_bytes,
        onnx_sha256=winner.manifest.onnx_sha256,
        features=list(_features(contract, winner.manifest)),
        data=data,
        making=making,
        code=code,
        metrics=_metrics(recipe, winner, holdout),
        slices=slices,
        gate=facts.Gate.model_validate(judgement.decision.as_json()),
        parity=_parity(winner.parity),
        limits=[*recipe.source.limits, *_too_small(slices)],
    )


def candidate_facts(candidates: Iterable[Candidate], refused: Mapping[str, str]) -> list[facts.Candidate]:
    """What was tried, best first."""
    return [
        facts.Candidate(
            name=candidate.name,
            parameters=dict(candidate.params),
            folds=list(candidate.validation.folds),
            mean=candidate.validation.mean,
            std=candidate.validation.std,
            refused=refused.get(candidate.name),
        )
        for candidate in candidates
    ]


def _features(contract: Contract, manifest: Manifest) -> Iterable[facts.Feature]:
    low, high = contract.bounds
    fields = contract.features.model_fields.items()
    for (name, field), least, greatest in zip(fields, low, high, strict=True):
        seen_low, seen_high = manifest.training_range[name]
        yield facts.Feature(
            name=name,
            description=field.description or "",
            low=least,
            high=greatest,
            seen_low=seen_low,
            seen_high=seen_high,
        )


def _metrics(recipe: Recipe, winner: Winner, holdout: pd.DataFrame) -> dict[str, facts.Measure]:
    features, target = features_and_target(recipe.contract, holdout)
    answer = winner.estimator.predict_proba if recipe.contract.is_classification else winner.estimator.predict
    found = intervals(recipe.contract, target.to_numpy(), answer(features), seed=recipe.seed)
    return {
        name: facts.Measure(value=winner.metrics[f"holdout_{name}"], low=low, high=high)
        for name, (low, high) in found.items()
    }


def _slices(recipe: Recipe, judgement: Judgement) -> Iterable[facts.Slice]:
    beside = {part.name: part.champion for part in judgement.comparison.slices} if judgement.comparison else {}
    for name, part in judgement.slices.items():
        yield facts.Slice(
            name=name,
            rows=part.rows,
            loss=part.loss,
            champion=beside.get(name),
            is_judged=part.rows >= recipe.policy.slice_rows,
        )


def _parity(report: ParityReport) -> facts.Parity:
    return facts.Parity(rows=report.rows, greatest_difference=report.max_error, tolerance=report.tolerance)


def _too_small(slices: Iterable[facts.Slice]) -> Iterable[str]:
    small = [f"{part.name} ({part.rows})" for part in slices if not part.is_judged]
    if small:
        yield f"Too few rows in the hold-out for the gate to judge by: {', '.join(small)}."
