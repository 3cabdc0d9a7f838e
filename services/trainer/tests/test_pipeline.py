"""One training from raw data to a registered version, with small candidates."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from mlplatform.contracts import IRIS
from mlplatform.runtime import OnnxModel
from trainer.candidates import Progress
from trainer.card.facts import Card
from trainer.errors import ChampionUnmet, DataInvalid, ExportFailed
from trainer.gate.champion import Champion
from trainer.gate.decision import Verdict
from trainer.gate.judgement import FindChampion
from trainer.gate.signature import declared
from trainer.in_memory_tracker import InMemoryTracker
from trainer.labelled import FeedbackRow
from trainer.options import DEFAULT, Effort, Options
from trainer.pipeline import Sources, TrainedVersion, train
from trainer.provenance import code_version
from trainer.recipes import RECIPES, Recipe


class Unexportable(GaussianNB):  # type: ignore[misc] # sklearn has no types
    """As good as its parent, but no converter knows it."""


def recipe(**candidates: Callable[[], BaseEstimator]) -> Recipe:
    return replace(RECIPES["iris"], candidates=candidates, repeats=1)


def weak() -> BaseEstimator:
    return LogisticRegression(C=1e-6)


def strong() -> BaseEstimator:
    return LogisticRegression(max_iter=1_000)


class Stage:
    """A pipeline's surroundings."""

    def __init__(self, data_dir: Path, processed_dir: Path) -> None:
        self.data_dir = data_dir
        self.processed_dir = processed_dir
        self.tracker = InMemoryTracker()
        self.progress: list[tuple[str, int]] = []
        self.champion: Champion | None = None
        self.feedback: dict[str, list[FeedbackRow]] = {}
        self.highest = 0
        self.find_champion: FindChampion = lambda _: self.champion
        self.tell: Progress = lambda stage, percent: self.progress.append((stage, percent))

    def train(self, recipe: Recipe, options: Options = DEFAULT) -> TrainedVersion:
        return train(
            recipe,
            sources=Sources(
                data_dir=self.data_dir,
                processed_dir=self.processed_dir,
                find_champion=self.find_champion,
                find_feedback=lambda contract: self.feedback.get(contract.model, []),
                find_highest=lambda _: self.highest,
                code_revision="0123abc",
            ),
            tracker=self.tracker,
            progress=self.tell,
            reason="a test",
            options=options,
        )


@pytest.fixture
def stage(data_dir: Path, tmp_path: Path) -> Stage:
    return Stage(data_dir, tmp_path)


def test_the_best_candidate_is_registered(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, strong=strong))
    assert (trained.registered_model, trained.version, trained.candidate) == ("IrisBestModel", "1", "strong")
    assert trained.metrics["cv_accuracy_mean"] > 0.9
    assert trained.metrics["holdout_accuracy"] > 0.9
    (release,) = stage.tracker.releases
    assert release.run_id == trained.run_id
    assert release.tags["candidate"] == "strong"
    assert release.tags["reason"] == "a test"
    assert json.loads(release.tags["parity"])["passed"]
    assert "strong, the best of 2 candidates" in release.description


def test_each_candidate_has_a_run_of_its_own_under_the_training(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, strong=strong))
    run = stage.tracker.named("weak")
    assert run.parent == trained.run_id
    assert run.params["C"] == "1e-06"
    assert len(run.series["cv_accuracy"]) == 5
    assert set(run.metrics) == {"cv_accuracy_mean", "cv_accuracy_std"}
    assert all(run.succeeded for run in stage.tracker.runs.values())


def test_a_candidate_that_cannot_be_exported_gives_way_to_the_next(stage: Stage) -> None:
    trained = stage.train(recipe(weak=weak, fancy=Unexportable))
    assert trained.candidate == "weak"
    assert "ExportFailed" in stage.tracker.named("fancy").tags["refused"]
    card = Card.model_validate_json(stage.tracker.releases[0].files["card.json"])
    assert [candidate.refused is None for candidate in card.making.candidates] == [False, True]


def test_without_any_candidate_that_can_be_exported_nothing_is_registered(stage: Stage) -> None:
    with pytest.raises(ExportFailed):
        stage.train(recipe(fancy=Unexportable))
    assert stage.tracker.releases == []
    assert stage.tracker.named("training").succeeded is False


def test_a_candidate_that_answers_differently_in_onnx_gives_way_to_the_next(stage: Stage) -> None:
    # skl2onnx writes this classifier's thresholds as float32.
    boosting = lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0)  # noqa: E731
    trained = stage.train(recipe(weak=weak, boosting=boosting))
    assert trained.candidate == "weak"
    assert "refused" in stage.tracker.named("boosting").tags


def test_broken_data_stops_a_training_before_it_begins(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "iris_raw.csv").write_text("nonsense\n")
    stage.data_dir = tmp_path
    with pytest.raises(DataInvalid):
        stage.train(recipe(weak=weak))
    assert stage.tracker.runs == {}


def test_progress_never_goes_back_and_ends_at_a_hundred(stage: Stage) -> None:
    stage.train(recipe(weak=weak, strong=strong))
    percents = [percent for _, percent in stage.progress]
    assert percents == sorted(percents)
    assert stage.progress[-1] == ("registered", 100)
    assert "refit strong" in [name for name, _ in stage.progress]


def test_every_fold_of_every_candidate_is_a_stage_of_its_own(stage: Stage) -> None:
    stage.train(recipe(weak=weak, strong=strong))
    folds = [(name, percent) for name, percent in stage.progress if name.startswith("cross-validate")]
    assert folds[:2] == [("cross-validate weak, fold 1 of 5", 5), ("cross-validate weak, fold 2 of 5", 12)]
    assert folds[5:7] == [("cross-validate strong, fold 1 of 5", 40), ("cross-validate strong, fold 2 of 5", 47)]
    assert len(folds) == 10


def test_of_many_folds_those_are_told_that_move_the_percent(stage: Stage) -> None:
    stage.train(replace(recipe(weak=weak, weaker=weak), repeats=20))
    for name, percents in (("weak", range(5, 41)), ("weaker", range(40, 76))):
        told = [percent for text, percent in stage.progress if text.startswith(f"cross-validate {name},")]
        assert len(told) == len(set(told))
        assert set(told) <= set(percents)
        assert len(told) > 30


def test_a_training_that_is_called_off_stops_before_the_next_fold(stage: Stage) -> None:
    class CalledOff(Exception):
        pass

    def until_the_third_fold(name: str, percent: int) -> None:
        stage.progress.append((name, percent))
        if "fold 3" in name:
            raise CalledOff

    stage.tell = until_the_third_fold
    with pytest.raises(CalledOff):
        stage.train(recipe(weak=weak, strong=strong))
    assert stage.progress[-1][0] == "cross-validate weak, fold 3 of 5"
    assert [run.succeeded for run in stage.tracker.runs.values()] == [False, False]


def test_progress_does_not_go_back_when_a_candidate_gives_way_to_the_next(stage: Stage) -> None:
    stage.train(recipe(weak=weak, fancy=Unexportable))
    percents = [percent for _, percent in stage.progress]
    assert percents == sorted(percents)
    assert [name for name, _ in stage.progress if name.startswith("refit")] == ["refit fancy", "refit weak"]


def test_the_manifest_holds_the_pipelines_own_answers(stage: Stage) -> None:
    stage.train(recipe(strong=strong))
    (release,) = stage.tracker.releases
    manifest = release.manifest
    assert manifest.onnx_bytes == len(release.onnx)
    assert set(manifest.training_range) == set(manifest.features)
    assert set(manifest.golden.predictions) == {"setosa", "versicolor", "virginica"}
    assert len(manifest.golden.rows) == len(manifest.golden.probabilities) == 30


def shuffled() -> BaseEstimator:
    return OfShuffledLabels(max_iter=1_000)


class OfShuffledLabels(LogisticRegression):  # type: ignore[misc] # sklearn has no types
    """Learns diligently, and nothing that is true."""

    def fit(self, features: pd.DataFrame, target: "pd.Series[str]") -> "OfShuffledLabels":
        mixed = target.sample(frac=1, random_state=1).to_numpy()
        super().fit(features, mixed)
        self.__class__ = LogisticRegression  # a converter knows no subclass
        return self


class OfShuffledPrices(HistGradientBoostingRegressor):  # type: ignore[misc] # sklearn has no types
    """As diligent, of prices."""

    def fit(self, features: pd.DataFrame, target: "pd.Series[float]") -> "OfShuffledPrices":
        super().fit(features, target.sample(frac=1, random_state=1).to_numpy())
        self.__class__ = HistGradientBoostingRegressor  # a converter knows no subclass
        return self


def as_champion(stage: Stage, version: str) -> Champion:
    release = stage.tracker.releases[int(version) - 1]
    signature = declared(release.manifest, release.onnx)
    return Champion(version, signature, OnnxModel(release.contract, release.onnx))


def test_the_first_version_is_judged_by_itself(stage: Stage) -> None:
    decision = stage.train(recipe(strong=strong)).decision
    assert decision.verdict is Verdict.PROMOTE
    assert {reason.check for reason in decision.reasons} == {"loss", "size", "latency", "contract", "parity"}


def test_a_version_as_good_as_the_champion_is_promoted(stage: Stage) -> None:
    stage.train(recipe(strong=strong))
    stage.champion = as_champion(stage, "1")
    decision = stage.train(recipe(strong=strong)).decision
    assert decision.verdict is Verdict.PROMOTE
    numbers = {reason.check: reason.numbers for reason in decision.reasons}["champion"]
    assert (numbers["interval_low"], numbers["interval_high"]) == (0, 0)


def test_a_version_of_shuffled_labels_is_registered_with_the_reasons_why_it_may_not_serve(stage: Stage) -> None:
    stage.train(recipe(strong=strong))
    stage.champion = as_champion(stage, "1")
    trained = stage.train(recipe(shuffled=shuffled))
    assert trained.decision.verdict is Verdict.REJECT
    assert {"loss", "champion", "slice"} <= {r.check for r in trained.decision.reasons if not r.passed}
    release = stage.tracker.releases[-1]
    assert release.tags["gate"] == "reject"
    assert json.loads(release.files["gate.json"]) == json.loads(json.dumps(trained.decision.as_json()))


def test_a_better_version_is_promoted(stage: Stage) -> None:
    stage.train(recipe(shuffled=shuffled))
    stage.champion = as_champion(stage, "1")
    decision = stage.train(recipe(strong=strong)).decision
    assert decision.verdict is Verdict.PROMOTE
    numbers = {reason.check: reason.numbers for reason in decision.reasons}["champion"]
    assert numbers["interval_high"] < 0


def test_a_version_whose_champion_cannot_be_met_waits_for_approval(stage: Stage) -> None:
    def broken(_: object) -> Champion:
        raise ChampionUnmet("not the registered file", "7")

    stage.find_champion = broken
    trained = stage.train(recipe(strong=strong))
    assert (trained.decision.verdict, trained.champion) == (Verdict.HOLD, "7")
    assert stage.tracker.releases[-1].tags["parent_version"] == "7"


def housing_pieces(data_dir: Path, folder: Path) -> Path:
    """Every tenth house, and the checksum of them."""
    header, *lines = (data_dir / "housing_raw.csv").read_text().splitlines(keepends=True)
    content = "".join([header, *lines[::10]])
    (folder / "housing_raw.csv").write_text(content)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content.encode()).hexdigest()}  housing_raw.csv\n")
    return folder


def test_houses_of_shuffled_prices_are_refused_and_true_ones_replace_them(
    stage: Stage, data_dir: Path, tmp_path: Path
) -> None:
    stage.data_dir = housing_pieces(data_dir, tmp_path)
    base = RECIPES["housing"]
    lenient = replace(base, policy=replace(base.policy, worst_loss=2.0))  # a tenth of the houses teaches less

    def shuffled_trees() -> BaseEstimator:
        return OfShuffledPrices(max_iter=30, random_state=0)

    true = replace(lenient, candidates={"true": lambda: HistGradientBoostingRegressor(max_iter=30, random_state=0)})
    stage.train(true)
    stage.champion = as_champion(stage, "1")
    worse = stage.train(replace(lenient, candidates={"shuffled": shuffled_trees})).decision
    assert worse.verdict is Verdict.REJECT
    failed = {reason.check: reason for reason in worse.reasons if not reason.passed}
    assert {"champion", "slice"} <= failed.keys()
    numbers = failed["champion"].numbers
    assert numbers["candidate"] > numbers["champion"] + 0.3
    assert numbers["interval_low"] > numbers["margin"]

    stage.champion = as_champion(stage, "2")
    better = stage.train(true).decision
    assert better.verdict is Verdict.PROMOTE
    assert {reason.check: reason for reason in better.reasons}["champion"].numbers["interval_high"] < 0
    assert {"slice"} < {reason.check for reason in better.reasons}


def test_a_champion_of_another_contract_is_no_measure_and_keeps_its_place(stage: Stage) -> None:
    stage.train(recipe(strong=strong))
    (release,) = stage.tracker.releases
    turned = replace(declared(release.manifest, release.onnx), features=tuple(reversed(release.contract.feature_names)))
    stage.champion = Champion("1", turned, None)
    decision = stage.train(recipe(strong=strong)).decision
    assert decision.verdict is Verdict.REJECT
    assert [reason.check for reason in decision.reasons if not reason.passed] == ["contract"]
    assert "those of version 1" in decision.summary


def test_a_quick_training_tries_less_and_is_judged_as_any_other(stage: Stage) -> None:
    trained = stage.train(RECIPES["iris"], Options(Effort.QUICK))
    assert trained.decision.verdict is Verdict.PROMOTE
    names = [run.name for run in stage.tracker.runs.values()]
    assert sorted(names) == ["logistic_regression", "support_vectors", "training"]
    assert len(stage.tracker.named("support_vectors").series["cv_accuracy"]) == 3
    (release,) = stage.tracker.releases
    assert release.tags["effort"] == stage.tracker.named("training").tags["effort"] == "quick"
    assert json.loads(release.tags["parity"])["passed"]


def test_run_and_version_say_where_they_come_from(stage: Stage) -> None:
    stage.train(recipe(weak=weak, strong=strong))
    stage.champion = as_champion(stage, "1")
    stage.train(recipe(strong=strong))
    first, second = stage.tracker.releases
    run = stage.tracker.runs[second.run_id]
    expected = {
        "reason": "a test",
        "effort": "full",
        "seed": "42",
        "data_sha256": hashlib.sha256((stage.data_dir / "iris_raw.csv").read_bytes()).hexdigest(),
        "data_period": "published in 1936",
        "data_rows": "150",
        "train_rows": "120",
        "holdout_rows": "30",
        "code_version": code_version(),
        "code_revision": "0123abc",
        "library.numpy": version("numpy"),
        "parent_version": "1",
        "gate": "promote",
        "candidate": "strong",
    }
    assert expected.items() <= second.tags.items()
    assert expected.items() <= run.tags.items()
    assert "parent_version" not in first.tags
    assert run.params["max_iter"] == json.loads(second.tags["parameters"])["max_iter"] == "1000"
    assert float(second.tags["metric.accuracy"]) == pytest.approx(run.metrics["holdout_accuracy"], abs=1e-5)


def test_feedback_is_trained_on_only_when_it_is_asked_for(stage: Stage) -> None:
    odd = [FeedbackRow(f"{number}", {**IRIS.example, "petal_width": 9.0 + number}, "setosa") for number in range(3)]
    stage.feedback = {"iris": [*odd, FeedbackRow("x", dict(IRIS.example), "tulip")]}
    stage.train(recipe(strong=strong))
    stage.train(recipe(strong=strong), Options(feedback=True))
    without, with_it = stage.tracker.releases
    assert without.manifest.training_range["petal_width"] == (0.1, 2.5)
    assert with_it.manifest.training_range["petal_width"] == (0.1, 11.0)
    assert sorted(without.manifest.golden.rows) == sorted(with_it.manifest.golden.rows)  # the hold-out is the same
    assert "feedback_rows" not in without.tags
    for tags in (with_it.tags, stage.tracker.runs[with_it.run_id].tags):
        assert tags["feedback_rows"] == "3"
        assert json.loads(tags["feedback_refused"]) == {"truth cannot be": 1}
        assert len(tags["feedback_sha256"]) == 64
    card = Card.model_validate_json(with_it.files["card.json"])
    assert card.data.feedback is not None
    assert (card.data.feedback.used, card.data.feedback.refused) == (3, {"truth cannot be": 1})
    assert (card.data.rows, card.data.train_rows, card.data.holdout_rows) == (150, 120, 30)


def test_the_card_tells_what_was_found_out(stage: Stage) -> None:
    stage.train(recipe(weak=weak, strong=strong))
    stage.champion = as_champion(stage, "1")
    trained = stage.train(recipe(fancy=Unexportable, strong=strong, weak=weak))
    first, second = (Card.model_validate_json(release.files["card.json"]) for release in stage.tracker.releases)
    assert (first.making.parent, second.making.parent) == (None, "1")
    assert second.making.winner == "strong"
    refused = {candidate.name: candidate.refused for candidate in second.making.candidates}
    assert set(refused.values()) == {None}
    accuracy = second.metrics["accuracy"]
    assert accuracy.value == trained.metrics["holdout_accuracy"]
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert [(part.name, part.rows) for part in second.slices] == [
        ("species: setosa", 10),
        ("species: versicolor", 10),
        ("species: virginica", 10),
    ]
    assert all(part.champion == part.loss for part in second.slices)
    assert all(part.champion is None for part in first.slices)
    assert second.gate.model_dump()["verdict"] == "promote"
    assert [feature.name for feature in second.features] == list(IRIS.feature_names)
    assert (second.features[0].low, second.features[0].high) == (IRIS.bounds[0][0], 100)
    assert (second.features[0].seen_low, second.features[0].seen_high) == (4.3, 7.9)
    assert second.onnx_sha256 == stage.tracker.releases[1].manifest.onnx_sha256
    assert list(RECIPES["iris"].source.limits) == second.limits


def test_the_same_data_seed_and_code_give_the_same_bytes_and_metrics(stage: Stage) -> None:
    first, second = (stage.train(recipe(strong=strong, weak=weak)) for _ in range(2))
    one, other = stage.tracker.releases
    assert first.metrics == second.metrics
    assert one.onnx == other.onnx
    assert one.manifest == other.manifest


def test_a_version_gets_a_number_that_no_other_has_had(stage: Stage) -> None:
    stage.highest = 7
    assert stage.train(recipe(weak=weak)).version == "8"
