"""One training: raw data in, a verified and registered version out."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import structlog
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from mlplatform.contracts import Contract
from mlplatform.errors import ArtifactRejected, ModelVersionNotFound, RegistryUnavailable
from mlplatform.runtime.session import OnnxModel
from trainer.datasets import Split, load, process
from trainer.errors import ExportFailed, ParityCheckFailed
from trainer.evaluation import CrossValidation, cross_validate, features_and_target, holdout_metrics
from trainer.export import to_onnx
from trainer.gate.champion import Champion
from trainer.gate.comparison import Comparison, Losses, compare, loss, row_losses
from trainer.gate.decision import Decision, Evidence, decide
from trainer.parity import ParityReport, check
from trainer.promotions.registry import GATE_FILE
from trainer.recipes.base import Recipe
from trainer.release import make_manifest, origin_tags
from trainer.tracker import Release, Tracker

Progress = Callable[[str, int], None]
"""Called with the stage that begins and the percent that is done."""

FindChampion = Callable[[Contract], Champion | None]
"""The version that serves, if there is one; raises as `load_champion` does."""

EVALUATE = "evaluate"
"""The stage in which the candidate meets the champion."""

VERDICT_TAG = "gate"

_EXAMPLE_ROWS = 5
_VALIDATION_BEGINS, _VALIDATION_ENDS = 5, 75
_REFUSED_TAG = "refused"
_TIMED_ROWS = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version that no alias points at yet."""

    registered_model: str
    version: str
    run_id: str
    candidate: str
    metrics: dict[str, float]
    decision: Decision


@dataclass(frozen=True)
class _Candidate:
    name: str
    run_id: str
    validation: CrossValidation


@dataclass(frozen=True)
class _Winner:
    candidate: _Candidate
    estimator: BaseEstimator
    onnx: bytes
    model: OnnxModel
    parity: ParityReport
    metrics: dict[str, float]


def train(
    recipe: Recipe,
    *,
    data_dir: Path,
    processed_dir: Path,
    tracker: Tracker,
    find_champion: FindChampion,
    progress: Progress,
    reason: str,
) -> TrainedVersion:
    """Train every candidate of a recipe and register the best one that ONNX answers alike, with the gate's decision.

    Raises:
        DataInvalid: the raw data is broken; nothing was trained.
        ExportFailed, ParityCheckFailed: no candidate could be exported faithfully; the last one's reason.
        RegistryUnavailable: the tracker does not answer.
    """
    contract, progress = recipe.contract, _never_back(progress)
    progress("load", 0)
    dataset = load(contract, recipe.source, data_dir)
    progress("split", 2)
    parts = process(contract, dataset, processed_dir)
    origin = origin_tags(data_sha256=dataset.sha256, reason=reason)
    # One thread: OpenMP's threads spin, and where cores are shared that takes a hundred times as long.
    with threadpool_limits(limits=1), _run(tracker, contract.model, "training", tags=origin) as run_id:
        candidates = _validate_all(recipe, parts, tracker, run_id, progress)
        winner = _best_faithful(recipe, candidates, parts, tracker, progress)
        tracker.log_metrics(run_id, winner.metrics)
        tracker.set_tags(run_id, {"candidate": winner.candidate.name})
        progress(EVALUATE, 90)
        decision = _judge(recipe, winner, parts, find_champion)
        progress("register", 95)
        version = tracker.register(_release(recipe, winner, parts, run_id, origin, decision))
    progress("registered", 100)
    return TrainedVersion(contract.registered_model, version, run_id, winner.candidate.name, winner.metrics, decision)


def _never_back(progress: Progress) -> Progress:
    """Where a refused candidate makes room for the next, some stages come twice; the percent stays where it was."""
    reached = 0

    def forwards(stage: str, percent: int) -> None:
        nonlocal reached
        reached = max(reached, percent)
        progress(stage, reached)

    return forwards


def _validate_all(recipe: Recipe, parts: Split, tracker: Tracker, run_id: str, progress: Progress) -> list[_Candidate]:
    """Cross-validate every candidate, each in a run of its own; best first."""
    candidates = []
    share = (_VALIDATION_ENDS - _VALIDATION_BEGINS) / len(recipe.candidates)
    for index, (name, make) in enumerate(recipe.candidates.items()):

        def fold_begins(fold: int, name: str = name, index: int = index) -> None:
            done = index + (fold - 1) / recipe.folds
            progress(f"cross-validate {name}, fold {fold} of {recipe.folds}", round(_VALIDATION_BEGINS + done * share))

        with _run(tracker, recipe.contract.model, name, tags={"candidate": name}, parent=run_id) as nested:
            estimator = make()
            tracker.log_params(nested, _params(estimator))
            validation = cross_validate(recipe, estimator, parts.train, fold_begins)
            tracker.log_series(nested, f"cv_{recipe.metric.name}", validation.folds)
            tracker.log_metrics(nested, validation.as_metrics())
        candidates.append(_Candidate(name, nested, validation))
    return sorted(candidates, key=lambda candidate: recipe.metric.rank(candidate.validation.mean))


def _best_faithful(
    recipe: Recipe, candidates: list[_Candidate], parts: Split, tracker: Tracker, progress: Progress
) -> _Winner:
    refusal: ExportFailed | ParityCheckFailed | None = None
    for candidate in candidates:
        try:
            return _verify(recipe, candidate, parts, tracker, progress)
        except (ExportFailed, ParityCheckFailed) as error:
            tracker.set_tags(candidate.run_id, {_REFUSED_TAG: f"{type(error).__name__}: {error}"})
            refusal = error
    raise refusal or ExportFailed(f"the recipe of {recipe.contract.model!r} has no candidates")


def _verify(recipe: Recipe, candidate: _Candidate, parts: Split, tracker: Tracker, progress: Progress) -> _Winner:
    """Fit on all training rows, measure on the hold-out, export, and compare."""
    contract = recipe.contract
    progress(f"refit {candidate.name}", 75)
    estimator = recipe.candidates[candidate.name]()
    estimator.fit(*features_and_target(contract, parts.train))
    scores = holdout_metrics(contract, estimator, parts.holdout)
    tracker.log_metrics(candidate.run_id, scores)
    progress(f"export {candidate.name}", 80)
    onnx = to_onnx(contract, estimator)
    try:
        model = OnnxModel(contract, onnx)
    except ArtifactRejected as error:
        raise ExportFailed(f"the runtime refuses the exported file: {error}") from error
    progress(f"check parity of {candidate.name}", 85)
    report = check(contract, estimator, model.run, train=parts.train, holdout=parts.holdout)
    return _Winner(candidate, estimator, onnx, model, report, {**candidate.validation.as_metrics(), **scores})


def _judge(recipe: Recipe, winner: _Winner, parts: Split, find_champion: FindChampion) -> Decision:
    """What the gate says of the winner, on the hold-out that no version has been trained on."""
    losses = _losses(recipe.contract, winner.model, parts.holdout)
    evidence = Evidence(
        loss=loss(losses, is_classification=recipe.contract.is_classification),
        onnx_bytes=len(winner.onnx),
        row_microseconds=_row_microseconds(recipe.contract, winner.model, parts.holdout),
        parity_difference=winner.parity.max_error,
    )
    return decide(recipe.policy, evidence, _beside_champion(recipe, losses, parts.holdout, find_champion))


def _beside_champion(
    recipe: Recipe, losses: Losses, holdout: pd.DataFrame, find_champion: FindChampion
) -> Comparison | None:
    try:
        champion = find_champion(recipe.contract)
    except (ArtifactRejected, ModelVersionNotFound) as error:
        # A champion that no predictor could load either protects nobody.
        _log.warning("the champion cannot be met", model=recipe.contract.model, reason=str(error))
        return None
    if champion is None:
        return None
    return compare(
        losses,
        _losses(recipe.contract, champion.model, holdout),
        champion.version,
        recipe.slices(holdout),
        is_classification=recipe.contract.is_classification,
        seed=recipe.seed,
    )


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


def _release(
    recipe: Recipe, winner: _Winner, parts: Split, run_id: str, origin: Mapping[str, str], decision: Decision
) -> Release:
    contract, validation = recipe.contract, winner.candidate.validation
    examples, _ = features_and_target(contract, parts.holdout.head(_EXAMPLE_ROWS))
    return Release(
        contract=contract,
        run_id=run_id,
        estimator=winner.estimator,
        onnx=winner.onnx,
        manifest=make_manifest(contract, winner.estimator, winner.onnx, train=parts.train, holdout=parts.holdout),
        example=examples,
        tags={
            **origin,
            "candidate": winner.candidate.name,
            "parity": json.dumps(winner.parity.as_json()),
            VERDICT_TAG: str(decision.verdict),
        },
        files={GATE_FILE: json.dumps(decision.as_json(), indent=2).encode()},
        description=(
            f"{winner.candidate.name}, the best of {len(recipe.candidates)} candidates: "
            f"{validation.metric.name} {validation.mean:.4f} ± {validation.std:.4f} in {recipe.folds} folds, "
            f"{winner.metrics[f'holdout_{validation.metric.name}']:.4f} on the hold-out."
        ),
    )


def _params(estimator: BaseEstimator) -> Mapping[str, str]:
    """The settings that say something: plain values, not the steps that hold them."""
    plain = (str, int, float, bool, type(None))
    return {name: str(value) for name, value in estimator.get_params().items() if isinstance(value, plain)}


@contextmanager
def _run(
    tracker: Tracker, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None
) -> Iterator[str]:
    run_id = tracker.start_run(experiment, name, tags=tags, parent=parent)
    try:
        yield run_id
    except BaseException:
        with suppress(RegistryUnavailable):  # what went wrong first is what is told
            tracker.end_run(run_id, succeeded=False)
        raise
    tracker.end_run(run_id, succeeded=True)
