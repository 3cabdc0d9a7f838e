"""Rollouts on real predictors over real sockets, with an MLflow that does what the drill says."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from shared.tests.verification.models import endless_onnx, slow_onnx

from mlplatform.contracts import HOUSING
from mlplatform.registry import TRAFFIC_TAG, Traffic
from tests.drills.figures import FIGURES
from tests.helpers.predictors import Predictor
from tests.helpers.rollout_load import Answered, RolloutLoad
from tests.helpers.stub_mlflow import StubMlflow
from tests.helpers.waiting import wait_until

_SWAPS = 200
_SWAP_SECONDS = 1.0
_STEADY_SECONDS = 20.0
_HEARD_SECONDS = 1.5  # two polls and an answer
_MOST_RESTART_SECONDS = 3.0
_MOST_TIMES_STEADY, _MOST_TIMES_UNSHADOWED = 2.0, 1.2

Say = Callable[[str], None]


@pytest.fixture
def say() -> Say:
    """Tell a figure, at the end of the run."""
    return FIGURES.append


@pytest.fixture
def mlflow() -> Iterator[StubMlflow]:
    with StubMlflow() as mlflow:
        mlflow.register("1")
        mlflow.aliases["champion"] = "1"
        yield mlflow


@pytest.fixture
def replicas(mlflow: StubMlflow, tmp_path: Path) -> Iterator[list[Predictor]]:
    with Predictor(mlflow.url, tmp_path / "a") as one, Predictor(mlflow.url, tmp_path / "b") as other:
        for replica in (one, other):
            replica.wait_for("1")
        yield [one, other]


class Line:
    """Who was champion or previous since when."""

    def __init__(self, mlflow: StubMlflow) -> None:
        self._mlflow = mlflow
        self._moments: list[tuple[float, set[str]]] = [(0.0, {mlflow.aliases["champion"]})]

    @property
    def previous(self) -> str:
        return self._mlflow.aliases.get("previous", self._mlflow.aliases["champion"])

    def challenge(self, version: str) -> None:
        self._mlflow.aliases = {**self._mlflow.aliases, "challenger": version}

    def promote(self, version: str) -> None:
        champion = self._mlflow.aliases["champion"]
        self._mlflow.aliases = {**self._mlflow.aliases, "champion": version, "previous": champion}
        self._moments.append((time.monotonic(), {version, champion}))

    def allows(self, answer: Answered) -> bool:
        """Whether the version that answered had a role between the poll before the request and the answer."""
        roles = [
            versions
            for (_, versions), (until, _) in zip(
                self._moments, [*self._moments[1:], (float("inf"), set())], strict=True
            )
            if until > answer.sent - _HEARD_SECONDS
        ]
        begun = [moment for moment, _ in self._moments if moment <= answer.answered]
        return answer.version in set(chain.from_iterable(roles[: len(begun)]))


@pytest.mark.timeout(500)
def test_two_hundred_promotions_and_rollbacks_lose_no_request(
    mlflow: StubMlflow, replicas: list[Predictor], say: Say
) -> None:
    """Promotions and rollbacks take turns. A version that nobody has seen is challenger until both replicas have it;
    then it becomes champion, and the next one challenger.
    """
    challenger = 1
    line, memory = Line(mlflow), {}
    with RolloutLoad(replicas[0].port, 100) as one, RolloutLoad(replicas[1].port, 100) as other:
        began = time.monotonic()
        time.sleep(_STEADY_SECONDS)  # the steady state is a time, not a condition
        steady = time.monotonic()
        for swap in range(1, _SWAPS + 1):
            if all(str(challenger) in replica.health()["loaded"] for replica in replicas):
                line.promote(str(challenger))
                challenger += 1
                mlflow.register(str(challenger), weight=1.0 + swap / 1000)
                line.challenge(str(challenger))
            else:
                line.promote(line.previous)
            time.sleep(_SWAP_SECONDS)  # the rate is what the drill is about
            if swap in {20, _SWAPS}:
                memory[swap] = [replica.memory for replica in replicas]
        ended = time.monotonic()
    answers = [*one.answers, *other.answers]
    seen = {answer.version for answer in answers}
    growth = [last / first - 1 for first, last in zip(memory[20], memory[_SWAPS], strict=True)]
    p99 = [(load.p99(began, steady), load.p99(steady, ended)) for load in (one, other)]
    say(f"{len(answers)} requests, {len(one.failures) + len(other.failures)} failed, {len(seen)} versions answered")
    say(f"p99 steady and during swaps: {[(f'{a * 1e3:.2f} ms', f'{b * 1e3:.2f} ms') for a, b in p99]}")
    say(f"memory after swap 20 and {_SWAPS}: {memory}, growth {growth}")
    assert not one.failures + other.failures
    assert [answer for answer in answers if not line.allows(answer)] == []
    assert len(seen) > 5
    assert max(growth) < 0.05
    assert all(during <= _MOST_TIMES_STEADY * steady for steady, during in p99)


@pytest.mark.parametrize("behave", ["500", "html", "slow", "never"])
def test_an_mlflow_that_misbehaves_touches_no_prediction_and_a_restart_serves_from_the_cache(
    mlflow: StubMlflow, tmp_path: Path, say: Say, behave: str
) -> None:
    predictor = Predictor(mlflow.url, tmp_path)
    with predictor:
        predictor.wait_for("1")
        mlflow.behave = behave
        with RolloutLoad(predictor.port, 50) as load:
            wait_until(
                lambda: predictor.health()["registry"]["trouble"] is not None,
                within_seconds=30,
                what="the predictor to notice",
            )
        assert not load.failures
        assert {answer.version for answer in load.answers} == {"1"}
        assert predictor.stop() == 0
        began = time.monotonic()
        predictor.start()
        wait_until(lambda: predictor.serves() == "1", within_seconds=30, what="the version from the cache")
        seconds = time.monotonic() - began
        age = predictor.health()["registry"]["seconds_since_answer"]
        say(f"MLflow {behave}: served from the cache after {seconds:.2f} s, with knowledge {age} s old")
        assert age > 0
        assert seconds <= _MOST_RESTART_SECONDS
        assert predictor.predict()["version"] == "1"


@pytest.mark.parametrize("loss", ["alias", "version"])
def test_a_deleted_alias_or_version_touches_no_prediction(mlflow: StubMlflow, tmp_path: Path, loss: str) -> None:
    with Predictor(mlflow.url, tmp_path) as predictor:
        predictor.wait_for("1")
        if loss == "alias":
            mlflow.aliases.clear()
        else:
            mlflow.register("2")
            mlflow.aliases["champion"] = "2"
            mlflow.delete("2")
        wait_until(
            lambda: predictor.health()["registry"]["trouble"] is not None, within_seconds=30, what="notice of it"
        )
        assert predictor.predict()["version"] == "1"
        predictor.stop()
        predictor.start()
        predictor.wait_for("1")


@pytest.mark.timeout(200)
def test_a_version_that_never_answers_is_refused_while_the_old_one_serves(
    mlflow: StubMlflow, tmp_path: Path, say: Say
) -> None:
    with Predictor(mlflow.url, tmp_path) as predictor:
        predictor.wait_for("1")
        mlflow.register("2", onnx=endless_onnx())
        mlflow.aliases["champion"] = "2"
        with RolloutLoad(predictor.port, 50) as load:
            wait_until(lambda: "2" in predictor.health()["refused"], within_seconds=90, what="the refusal")
        say(f"refused: {predictor.health()['refused']['2']}, p99 meanwhile {load.p99() * 1e3:.2f} ms")
        assert not load.failures
        assert {answer.version for answer in load.answers} == {"1"}


def test_a_subject_has_the_same_variant_on_both_replicas_and_keeps_it_as_the_share_grows(
    mlflow: StubMlflow, replicas: list[Predictor]
) -> None:
    mlflow.register("2", weight=2.0)
    mlflow.aliases["challenger"] = "2"
    before: set[str] = set()
    for percent in (5, 10, 50):
        traffic = Traffic(challenger="2", challenger_percent=percent, salt="salt")
        mlflow.tags = {TRAFFIC_TAG: traffic.model_dump_json()}
        for replica in replicas:
            wait_until(
                lambda replica=replica, percent=percent: (  # type: ignore[misc] # bound at once
                    (replica.health()["traffic"] or {}).get("challenger_percent") == percent
                    and "2" in replica.health()["loaded"]
                ),
                within_seconds=30,
                what="the traffic",
            )
        subjects = [f"subject-{number}" for number in range(200)]
        taken = [
            {subject for subject in subjects if replica.predict(**{"X-Subject-Id": subject})["variant"] == "challenger"}
            for replica in replicas
        ]
        assert taken[0] == taken[1]
        assert before <= taken[0]
        before = taken[0]
    assert 60 <= len(before) <= 140


class SleepyPredictor(Predictor):
    """One in which version 2 sleeps for ten seconds before each answer."""

    module = "tests.helpers.sleepy_predictor"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", ["sleeps", "computes"])
def test_a_shadow_that_hangs_does_not_touch_the_champion(
    mlflow: StubMlflow, tmp_path: Path, say: Say, how: str
) -> None:
    """Loaded, the challenger sleeps over each row; or the row of the load keeps it, and a core, busy for hours."""
    row = json.dumps({**HOUSING.example, "HouseAge": 7.0}).encode()
    kind = SleepyPredictor if how == "sleeps" else Predictor
    with kind(mlflow.url, tmp_path) as predictor:
        predictor.wait_for("1")
        mlflow.register("2", onnx=slow_onnx()) if how == "computes" else mlflow.register("2", weight=1.001)
        mlflow.aliases["challenger"] = "2"
        wait_until(lambda: "2" in predictor.health()["loaded"], within_seconds=60, what="the challenger")
        with RolloutLoad(predictor.port, 100, row) as load:
            began = time.monotonic()
            time.sleep(_STEADY_SECONDS)
            traffic = Traffic(challenger="2", challenger_percent=0, shadow=True, salt="salt")
            mlflow.tags = {TRAFFIC_TAG: traffic.model_dump_json()}
            wait_until(lambda: predictor.metric("shadow_dropped_total") > 0, within_seconds=30, what="a full queue")
            shadowed = time.monotonic()
            time.sleep(_STEADY_SECONDS)
            ended = time.monotonic()
        without, beside = load.p99(began, began + _STEADY_SECONDS), load.p99(shadowed, ended)
        say(f"p99 without a shadow {without * 1e3:.2f} ms, beside one that {how} {beside * 1e3:.2f} ms")
        assert not load.failures
        assert {answer.version for answer in load.answers} == {"1"}
        assert beside <= _MOST_TIMES_UNSHADOWED * without
        assert predictor.metric("shadow_requests_total", outcome="compared") < 5
        assert predictor.stop() == 0
        predictor.start()
