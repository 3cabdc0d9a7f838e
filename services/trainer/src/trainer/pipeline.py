"""One training: raw data in, a verified and registered version out."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from threadpoolctl import threadpool_limits

from mlplatform.contracts import Contract
from trainer.candidates import Progress, Winner, best_faithful, validate_all
from trainer.card.facts import Card, Making
from trainer.card.gathering import candidate_facts, gather
from trainer.datasets import Split, load, process
from trainer.evaluation import features_and_target
from trainer.gate.decision import Decision
from trainer.gate.judgement import FindChampion, Judgement, judge
from trainer.labelled import FeedbackRow, choose, with_labelled
from trainer.options import DEFAULT, Options
from trainer.promotions.registry import CARD_FILE, CARD_TAG, GATE_FILE, METRIC_TAG, VERDICT_TAG
from trainer.provenance import code_facts, data_facts, origin_tags
from trainer.recipes.base import Recipe
from trainer.tracker import Release, Tracker, recorded_run

EVALUATE = "evaluate"
"""The stage in which the candidate meets the champion."""

_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Sources:
    """Where a training takes things from.

    Args:
        data_dir: the raw data and their checksums.
        processed_dir: where train and hold-out sets are kept.
        find_champion: the version that serves.
        find_feedback: the labelled feedback to a model's predictions, newest first.
        find_highest: the greatest number that a version of a model has had; 0 before the first.
        code_revision: the commit that runs.
    """

    data_dir: Path
    processed_dir: Path
    find_champion: FindChampion = lambda _: None
    find_feedback: Callable[[Contract], Iterable[FeedbackRow]] = lambda _: ()
    find_highest: Callable[[Contract], int] = lambda _: 0
    code_revision: str = "unknown"


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version that no alias points at yet; `champion` is the one that it met, if it met one."""

    registered_model: str
    version: str
    run_id: str
    candidate: str
    metrics: dict[str, float]
    decision: Decision
    champion: str | None = None


def train(
    recipe: Recipe,
    *,
    sources: Sources,
    tracker: Tracker,
    progress: Progress,
    reason: str,
    options: Options = DEFAULT,
) -> TrainedVersion:
    """Train the candidates of a recipe and register the best one that ONNX answers alike, with the gate's decision.

    Raises:
        DataInvalid: the raw data is broken; nothing was trained.
        ExportFailed, ParityCheckFailed: no candidate could be exported faithfully; the last one's reason.
        RegistryUnavailable: the tracker does not answer.
        DatabaseUnavailable: the feedback cannot be read.
    """
    recipe, progress = recipe.with_effort(options.effort), _never_back(progress)
    contract = recipe.contract
    progress("load", 0)
    dataset = load(contract, recipe.source, sources.data_dir)
    progress("split", 2)
    parts = process(contract, dataset, sources.processed_dir)
    labelled = None
    if options.feedback:
        progress("choose feedback", 4)
        labelled = choose(
            contract, recipe.source, sources.find_feedback(contract), parts, most_share=recipe.feedback_share
        )
    data, code = data_facts(recipe.source, dataset, parts, labelled), code_facts(sources.code_revision)
    parts = Split(with_labelled(parts.train, labelled), parts.holdout)
    origin = origin_tags(recipe, data, code, reason, options)
    # One thread: OpenMP's threads spin, and where cores are shared that takes a hundred times as long.
    with threadpool_limits(limits=1), recorded_run(tracker, contract.model, "training", tags=origin) as run_id:
        candidates = validate_all(recipe, parts, tracker, run_id, progress)
        winner = best_faithful(recipe, candidates, parts, tracker, progress)
        tracker.log_params(run_id, winner.candidate.params)
        tracker.log_metrics(run_id, winner.metrics)
        progress(EVALUATE, 90)
        judgement = judge(recipe, winner, parts.holdout, sources.find_champion)
        outcome = _outcome_tags(winner, judgement)
        tracker.set_tags(run_id, outcome)
        progress("register", 95)
        making = Making(
            reason=reason,
            effort=options.effort,
            run_id=run_id,
            made_at=datetime.now(UTC),
            seed=recipe.seed,
            metric=recipe.metric.name,
            candidates=candidate_facts(candidates, winner.refused),
            winner=winner.candidate.name,
            parent=judgement.champion,
        )
        card = gather(recipe, winner, judgement, parts.holdout, data=data, making=making, code=code)
        release = _release(recipe, winner, parts, {**origin, **outcome}, judgement.decision, card)
        version = tracker.register(replace(release, above=sources.find_highest(contract)))
    progress("registered", 100)
    return TrainedVersion(
        contract.registered_model,
        version,
        run_id,
        winner.candidate.name,
        winner.metrics,
        judgement.decision,
        judgement.champion,
    )


def _never_back(progress: Progress) -> Progress:
    """Where a refused candidate makes room for the next, some stages come twice; the percent stays where it was."""
    reached = 0

    def forwards(stage: str, percent: int) -> None:
        nonlocal reached
        reached = max(reached, percent)
        progress(stage, reached)

    return forwards


def _outcome_tags(winner: Winner, judgement: Judgement) -> Mapping[str, str]:
    parent = {"parent_version": judgement.champion} if judgement.champion else {}
    return {"candidate": winner.candidate.name, VERDICT_TAG: str(judgement.decision.verdict), **parent}


def _release(
    recipe: Recipe, winner: Winner, parts: Split, tags: Mapping[str, str], decision: Decision, card: Card
) -> Release:
    validation, metric = winner.candidate.validation, recipe.metric.name
    examples, _ = features_and_target(recipe.contract, parts.holdout.head(_EXAMPLE_ROWS))
    written = card.model_dump_json(indent=2).encode()
    holdout_metrics = {f"{METRIC_TAG}{name}": f"{measure.value:.6g}" for name, measure in card.metrics.items()}
    return Release(
        contract=recipe.contract,
        run_id=card.making.run_id,
        estimator=winner.estimator,
        onnx=winner.onnx,
        manifest=winner.manifest,
        example=examples,
        tags={
            **tags,
            **holdout_metrics,
            CARD_TAG: hashlib.sha256(written).hexdigest(),
            "parameters": json.dumps(dict(winner.candidate.params)),
            "parity": json.dumps(winner.parity.as_json()),
        },
        files={
            GATE_FILE: json.dumps(decision.as_json(), indent=2).encode(),
            CARD_FILE: written,
        },
        description=(
            f"{winner.candidate.name}, the best of {len(recipe.candidates)} candidates: "
            f"{metric} {validation.mean:.4f} ± {validation.std:.4f} in {recipe.validation_fits} folds, "
            f"{winner.metrics[f'holdout_{metric}']:.4f} on the hold-out."
        ),
    )
