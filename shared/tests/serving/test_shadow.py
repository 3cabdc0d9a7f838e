import gc
from collections.abc import Iterator
from math import nan
from threading import Event
from weakref import ref

import numpy as np
import pytest
from shared.tests.conftest import SUM_OF_EXAMPLE, classification_onnx, regression_onnx
from shared.tests.serving.conftest import live
from structlog.testing import capture_logs

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.runtime import Answer, LiveModel
from mlplatform.runtime.session import Rows
from mlplatform.serving.instances import ManyRows, OneRow
from mlplatform.serving.prediction import Prediction, predict, predict_few
from mlplatform.serving.shadow import Pair, Shadow, Shadows
from mlplatform.serving.witness import Witness
from mlplatform.telemetry.metrics import process_registry
from mlplatform.telemetry.shadow import ShadowMetrics
from tests.helpers.waiting import wait_until

SECONDS = 10


class Log:
    """Keeps pairs, and tells when there are as many as were waited for."""

    def __init__(self, expected: int) -> None:
        self.pairs: list[Pair] = []
        self._expected = expected
        self._is_full = Event()

    def __call__(self, pair: Pair) -> None:
        self.pairs.append(pair)
        if len(self.pairs) == self._expected:
            self._is_full.set()

    def wait(self) -> None:
        assert self._is_full.wait(SECONDS)


class Desk:
    """Metrics, and the shadows that write them."""

    def __init__(self) -> None:
        self.collectors = process_registry()
        self.metrics = ShadowMetrics(self.collectors, "m")
        self.witness = Witness()
        self.open: list[Shadow] = []

    def shadow(self, challenger: LiveModel, log: Log) -> Shadow:
        self.open.append(Shadow(challenger, self.metrics, self.witness, log))
        return self.open[-1]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.collectors.get_sample_value(f"mlplatform_shadow_{name}", {"model": "m", **labels})


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    for shadow in desk.open:
        shadow.close()


def one(champion: LiveModel, row: OneRow, prediction_id: str = "id") -> Prediction:
    [prediction] = predict_few(champion, [row], [prediction_id])
    return prediction


ROW = OneRow(tuple(HOUSING.example.values()))


def test_both_answers_are_paired_under_the_id_of_the_prediction(desk: Desk) -> None:
    champion, log = live("1", regression_onnx(1.0)), Log(2)
    shadow = desk.shadow(live("2", regression_onnx(1.1)), log)
    many = ManyRows(np.array([ROW.values, ROW.values]))
    shadow.offer(champion, ROW, one(champion, ROW, "single"))
    shadow.offer(champion, many, predict(champion, many, "many"))
    log.wait()
    single, both = log.pairs
    assert (single.prediction_id, single.champion_version, single.challenger_version) == ("single", "1", "2")
    assert single.champion.predictions == pytest.approx([SUM_OF_EXAMPLE])
    assert single.challenger.predictions == pytest.approx([1.1 * SUM_OF_EXAMPLE])
    assert (both.prediction_id, len(both.rows), len(both.champion.predictions)) == ("many", 2, 2)
    assert desk.sample("requests_total", outcome="compared") == 2
    assert desk.sample("rows_total") == 3
    assert desk.sample("disagreements_total") == 3
    assert desk.sample("difference_bucket", le="0.05") == 0
    assert desk.sample("difference_bucket", le="0.2") == 3
    assert desk.sample("latency_difference_seconds_count") == 2
    seen = desk.witness.seen
    assert (seen.compared, seen.rows) == (2, 3)
    assert seen.disagreement == pytest.approx(0.3)
    assert seen.champion_seconds > 0
    assert seen.challenger_seconds > 0


def test_the_same_numbers_do_not_disagree(desk: Desk) -> None:
    champion, log = live("1", regression_onnx()), Log(1)
    desk.shadow(live("2", regression_onnx()), log).offer(champion, ROW, one(champion, ROW))
    log.wait()
    assert desk.sample("disagreements_total") == 0


def test_labels_disagree_when_they_differ(desk: Desk) -> None:
    row = OneRow(tuple(IRIS.example.values()))
    champion, log = live("1", classification_onnx("setosa"), IRIS), Log(1)
    shadow = desk.shadow(live("2", classification_onnx("virginica"), IRIS), log)
    shadow.offer(champion, row, one(champion, row))
    log.wait()
    assert desk.sample("disagreements_total") == desk.witness.seen.disagreement == 1
    assert desk.sample("difference_bucket", le="1e-06") == 1


class Hanging:
    """A model that answers when it may."""

    def __init__(self) -> None:
        self.is_asked = Event()
        self.may_answer = Event()

    def predict(self, rows: Rows) -> Answer:
        self.rows = len(rows)
        self.is_asked.set()
        assert self.may_answer.wait(SECONDS)
        return Answer([1.0], [])


def test_a_challenger_that_hangs_fills_its_queue_and_the_rest_is_dropped_and_counted(desk: Desk) -> None:
    champion, model = live("1", regression_onnx()), Hanging()
    challenger = LiveModel("2", model, champion.training_range)  # type: ignore[arg-type] # one method is used
    shadow = desk.shadow(challenger, Log(1))
    prediction = one(champion, ROW)
    shadow.offer(champion, ROW, prediction)
    assert model.is_asked.wait(SECONDS)
    for _ in range(1_000):
        shadow.offer(champion, ROW, prediction)
    assert desk.sample("dropped_total") == 1_000 - 256
    assert desk.sample("requests_total", outcome="compared") == 0
    model.may_answer.set()


class Failing:
    """A model of whose every run an error comes."""

    def __init__(self) -> None:
        self._calls = 0
        self.is_asked_twice = Event()

    def predict(self, _rows: object) -> None:
        self._calls += 1
        if self._calls == 2:
            self.is_asked_twice.set()
        raise RuntimeError("no")


def test_a_challenger_that_fails_is_counted_and_asked_again(desk: Desk) -> None:
    champion, log, model = live("1", regression_onnx()), Log(1), Failing()
    failing = LiveModel("2", model, champion.training_range)  # type: ignore[arg-type] # one method is used
    shadow = desk.shadow(failing, log)
    shadow.offer(champion, ROW, one(champion, ROW))
    shadow.offer(champion, ROW, one(champion, ROW))
    assert model.is_asked_twice.wait(SECONDS)
    shadow.close()
    assert shadow.ends(SECONDS)
    assert desk.sample("requests_total", outcome="failed") == 2
    assert desk.witness.seen.shadow_failed == 2


class NoNumber:
    """A model that answers with what is no number, and then with one."""

    def __init__(self) -> None:
        self._answers = [nan, 1.0]

    def predict(self, _rows: object) -> Answer:
        return Answer([self._answers.pop(0)], [])


def test_an_answer_that_is_no_number_is_a_failure_and_spoils_no_evidence(desk: Desk) -> None:
    champion, log = live("1", regression_onnx()), Log(1)
    challenger = LiveModel("2", NoNumber(), champion.training_range)  # type: ignore[arg-type] # one method is used
    shadow = desk.shadow(challenger, log)
    shadow.offer(champion, ROW, one(champion, ROW))
    shadow.offer(champion, ROW, one(champion, ROW))
    log.wait()
    seen = desk.witness.seen
    assert (seen.shadow_failed, seen.compared) == (1, 1)
    assert 0 <= seen.disagreement <= 1


def test_of_a_long_request_the_first_rows_are_kept_and_nothing_else(desk: Desk) -> None:
    champion, model = live("1", regression_onnx()), Hanging()
    shadow = desk.shadow(LiveModel("2", model, champion.training_range), Log(1))  # type: ignore[arg-type] # as above
    rows = np.tile(np.array(ROW.values), (10_000, 1))
    shadow.offer(champion, ManyRows(rows), predict(champion, ManyRows(rows), "id"))
    assert model.is_asked.wait(SECONDS)
    kept = ref(rows)
    del rows
    gc.collect()
    assert kept() is None
    assert model.rows == 256
    model.may_answer.set()


def test_a_log_that_fails_costs_its_pair_and_not_the_shadow(desk: Desk) -> None:
    class Full(Log):
        def __call__(self, pair: Pair) -> None:
            super().__call__(pair)
            raise OSError("no space left")

    champion, log = live("1", regression_onnx()), Full(2)
    shadow = desk.shadow(live("2", regression_onnx()), log)
    shadow.offer(champion, ROW, one(champion, ROW))
    shadow.offer(champion, ROW, one(champion, ROW))
    log.wait()


def test_there_is_one_shadow_for_each_challenger_and_none_without(desk: Desk) -> None:
    shadows = Shadows(desk.metrics)
    challenger = live("2", regression_onnx())
    shadows.follow(challenger)
    first = shadows.current
    shadows.follow(challenger.as_variant("pinned"))
    assert shadows.current is first
    shadows.follow(live("3", regression_onnx()))
    second = shadows.current
    assert second is not None
    assert second.version == "3"
    shadows.close()
    assert shadows.current is None
    assert first is not None
    assert first.ends(SECONDS)
    assert not shadows.is_stuck


def test_a_challenger_that_fails_at_every_copy_is_told_a_few_times(desk: Desk) -> None:
    champion, log = live("1", regression_onnx(1.0)), Log(1)
    shadow = desk.shadow(live("2", regression_onnx(nan)), log)
    with capture_logs() as logs:
        for _ in range(25):
            shadow.offer(champion, ROW, one(champion, ROW))
        wait_until(lambda: desk.sample("requests_total", outcome="failed") == 25, what="the failures")
    assert [(line["version"], line["untold"]) for line in logs if line["event"] == "the shadow failed"] == [
        ("2", 0)
    ] * 10
