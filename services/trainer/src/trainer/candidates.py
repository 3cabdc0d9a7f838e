"""The candidates of a recipe: cross-validated, the best one that ONNX answers alike brought to its final form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sklearn.base import BaseEstimator

from mlplatform.errors import ArtifactRejected
from mlplatform.registry.manifest import Manifest
from mlplatform.runtime.session import OnnxModel
from trainer.datasets import Split
from trainer.errors import ExportFailed, ParityCheckFailed
from trainer.evaluation import CrossValidation, cross_validate, features_and_target, holdout_metrics
from trainer.export import to_onnx
from trainer.parity import ParityReport, check
from trainer.recipes.base import Recipe
from trainer.release import make_manifest
from trainer.tracker import Tracker, recorded_run

Progress = Callable[[str, int], None]
"""Called with the stage that begins and the percent that is done."""

_VALIDATION_BEGINS, _VALIDATION_ENDS = 5, 75
_REFUSED_TAG = "refused"


@dataclass(frozen=True)
class Candidate:
    """One that was cross-validated, in a run of its own."""

    name: str
    run_id: str
    params: Mapping[str, str]
    validation: CrossValidation


@dataclass(frozen=True)
class Winner:
    """The best candidate whose ONNX model answers as its pipeline, fitted on all training rows.

    `refused` says for each better candidate why it had to give way.
    """

    candidate: Candidate
    estimator: BaseEstimator
    onnx: bytes
    model: OnnxModel
    manifest: Manifest
    parity: ParityReport
    metrics: dict[str, float]
    refused: Mapping[str, str]


def validate_all(
    recipe: Recipe, parts: Split, tracker: Tracker, run_id: str, progress: Progress
) -> tuple[Candidate, ...]:
    """Cross-validate every candidate, each in a run of its own; best first."""
    candidates = []
    for name, make in recipe.candidates.items():
        tags = {"candidate": name}
        with recorded_run(tracker, recipe.contract.model, name, tags=tags, parent=run_id) as nested:
            estimator = make()
            params = _params(estimator)
            tracker.log_params(nested, params)
            validation = cross_validate(recipe, estimator, parts.train, _tell_folds(recipe, name, progress))
            tracker.log_series(nested, f"cv_{recipe.metric.name}", validation.folds)
            tracker.log_metrics(nested, validation.as_metrics())
        candidates.append(Candidate(name, nested, params, validation))
    return tuple(sorted(candidates, key=lambda candidate: recipe.metric.rank(candidate.validation.mean)))


def _tell_folds(recipe: Recipe, name: str, progress: Progress) -> Callable[[int], None]:
    """Tells which fold of a candidate begins, where that moves the percent: there may be thirty in a second."""
    names, told = list(recipe.candidates), -1

    def fold_begins(fold: int) -> None:
        nonlocal told
        done = (names.index(name) + (fold - 1) / recipe.validation_fits) / len(names)
        percent = round(_VALIDATION_BEGINS + done * (_VALIDATION_ENDS - _VALIDATION_BEGINS))
        if percent != told:
            told = percent
            progress(f"cross-validate {name}, fold {fold} of {recipe.validation_fits}", percent)

    return fold_begins


def best_faithful(
    recipe: Recipe, candidates: tuple[Candidate, ...], parts: Split, tracker: Tracker, progress: Progress
) -> Winner:
    """The first candidate that can be exported and answers alike.

    Raises:
        ExportFailed, ParityCheckFailed: none can; the last one's reason.
    """
    refused: dict[str, str] = {}
    refusal: ExportFailed | ParityCheckFailed | None = None
    for candidate in candidates:
        try:
            return _verify(recipe, candidate, parts, tracker, progress, refused)
        except (ExportFailed, ParityCheckFailed) as error:
            refused[candidate.name] = f"{type(error).__name__}: {error}"
            tracker.set_tags(candidate.run_id, {_REFUSED_TAG: refused[candidate.name]})
            refusal = error
    raise refusal or ExportFailed(f"the recipe of {recipe.contract.model!r} has no candidates")


def _verify(
    recipe: Recipe,
    candidate: Candidate,
    parts: Split,
    tracker: Tracker,
    progress: Progress,
    refused: Mapping[str, str],
) -> Winner:
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
    return Winner(
        candidate=candidate,
        estimator=estimator,
        onnx=onnx,
        model=model,
        manifest=make_manifest(contract, estimator, onnx, train=parts.train, holdout=parts.holdout),
        parity=check(contract, estimator, model.run, train=parts.train, holdout=parts.holdout),
        metrics={**candidate.validation.as_metrics(), **scores},
        refused=refused,
    )


def _params(estimator: BaseEstimator) -> Mapping[str, str]:
    """The settings that say something: plain values, not the steps that hold them."""
    plain = (str, int, float, bool, type(None))
    return {name: str(value) for name, value in estimator.get_params().items() if isinstance(value, plain)}
