"""The shadow: a challenger that answers a copy of the champion's requests, after the answer has gone.

Nobody waits for it. Copies go into a bounded queue and are dropped where it is full; a thread that steps
back behind the event loop works through it. A challenger that hangs holds up its own thread and nothing else.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event, Thread
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from mlplatform.runtime import Answer, LiveModel
from mlplatform.runtime.session import Rows
from mlplatform.serving.bulk import step_back
from mlplatform.serving.instances import Instances, ManyRows, OneRow
from mlplatform.serving.prediction import Prediction, check_finite
from mlplatform.serving.witness import Witness
from mlplatform.telemetry.shadow import ShadowMetrics
from mlplatform.telemetry.throttle import Throttle

_MOST_WAITING = 256
_MOST_ROWS = 256  # of one copy: a longer request is compared by its first rows
_TOLERANCE = 1e-6

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pair:
    """What both say of the same rows (n, features), under the id of the prediction that was given."""

    prediction_id: str
    rows: Rows
    champion_version: str
    champion: Answer
    challenger_version: str
    challenger: Answer


class PairLog(Protocol):
    """Keeps pairs for later analysis; called by the shadow's thread."""

    def __call__(self, pair: Pair, /) -> None:
        """Take a pair, and do not be long about it."""
        ...


def forget(_pair: Pair) -> None:
    """A `PairLog` that keeps nothing."""


class _Copy(NamedTuple):
    champion: LiveModel
    instances: Instances
    prediction: Prediction


class Shadow:
    """Compares one challenger with the champion."""

    def __init__(
        self, challenger: LiveModel, metrics: ShadowMetrics, witness: Witness, pair_log: PairLog = forget
    ) -> None:
        self.version, self.model = challenger.version, challenger.model
        self._challenger = challenger
        self._metrics = metrics
        self._witness = witness
        self._pair_log = pair_log
        self._throttle = Throttle()
        self._waiting: deque[_Copy] = deque()
        self._is_wanted = Event()
        self._is_closed = False
        self._thread = Thread(target=self._serve, name=f"shadow-{challenger.version}", daemon=True)
        self._thread.start()

    def offer(self, champion: LiveModel, instances: Instances, prediction: Prediction) -> None:
        """Take a copy of what was answered, if there is room; never waits."""
        if len(self._waiting) >= _MOST_WAITING:
            self._metrics.dropped += 1
            return
        self._waiting.append(_copy(champion, instances, prediction))
        self._is_wanted.set()

    def close(self) -> None:
        """Take no more, and let the thread go when it has finished what it is at; one that hangs is left behind."""
        self._is_closed = True
        self._waiting.clear()
        self._is_wanted.set()

    def ends(self, seconds: float = 0.0) -> bool:
        """Whether the thread of a closed shadow ends within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        step_back()
        while not self._is_closed:
            self._is_wanted.wait()
            self._is_wanted.clear()
            while self._waiting and not self._is_closed:
                with suppress(IndexError):  # it was closed just now
                    self._compare(self._waiting.popleft())

    def _compare(self, copy: _Copy) -> None:
        seen = self._witness.seen
        try:
            rows, given = _rows(copy.instances), Answer(*copy.prediction.as_lists())
            answer, seconds = _timed(lambda: self._challenger.model.predict(rows))
            # The champion again, in the same thread and at the same priority: all else would compare circumstances.
            _, champion_seconds = _timed(lambda: copy.champion.model.predict(rows))
            check_finite(self.version, answer.predictions, answer.probabilities)
            apart, disagrees = _compared(given, answer)
        except Exception as error:  # noqa: BLE001 # whatever a challenger does, it is counted
            self._metrics.failed()
            seen.shadow_failed += 1
            self._tell_of(error, copy.prediction.prediction_id)
            return
        self._metrics.compared(seconds - champion_seconds)
        self._metrics.rows(apart.tolist(), disagreements=int(disagrees.sum()))
        seen.compared += 1
        seen.rows += len(rows)
        seen.challenger_seconds += seconds
        seen.champion_seconds += champion_seconds
        # A row with another label counts whole, one with another number by how far that is off.
        seen.disagreement += float(disagrees.sum() if given.probabilities else np.minimum(apart, 1.0).sum())
        self._note(Pair(copy.prediction.prediction_id, rows, copy.champion.version, given, self.version, answer))

    def _note(self, pair: Pair) -> None:
        try:
            self._pair_log(pair)
        except Exception:  # noqa: BLE001 # a log that fails costs its entry
            if (untold := self._throttle.admit("pair")) is not None:
                _log.exception("a pair was not logged", prediction_id=pair.prediction_id, untold=untold)

    def _tell_of(self, error: Exception, prediction_id: str) -> None:
        """One that fails, fails at every copy."""
        if (untold := self._throttle.admit("failure")) is not None:
            _log.warning(
                "the shadow failed",
                version=self.version,
                prediction_id=prediction_id,
                error=f"{type(error).__name__}: {error}",
                untold=untold,
            )


class Shadows:
    """The shadow of the present challenger, as long as one is wanted; `witness` sees how the challenger fares."""

    def __init__(self, metrics: ShadowMetrics, pair_log: PairLog = forget) -> None:
        self._metrics = metrics
        self.witness = Witness()
        self._pair_log = pair_log
        self._left: list[Shadow] = []
        self.current: Shadow | None = None

    def follow(self, challenger: LiveModel | None) -> None:
        """Let a challenger be compared from now on, or none."""
        before = self.current
        if before and challenger and before.model is challenger.model:
            return
        self.current = Shadow(challenger, self._metrics, self.witness, self._pair_log) if challenger else None
        if before:
            before.close()
            self._left = [shadow for shadow in (*self._left, before) if not shadow.ends()]

    def close(self) -> None:
        """End the comparison; a challenger that hangs is waited for a second."""
        self.follow(None)
        self._left = [shadow for shadow in self._left if not shadow.ends(1.0)]

    @property
    def is_stuck(self) -> bool:
        """Whether a challenger that hangs still keeps a thread."""
        return any(not shadow.ends() for shadow in self._left)


def _timed(work: Callable[[], Answer]) -> tuple[Answer, float]:
    began = perf_counter()
    return work(), perf_counter() - began


def _copy(champion: LiveModel, instances: Instances, prediction: Prediction) -> _Copy:
    """Of a long request the first rows, and nothing that keeps the others in memory."""
    if len(instances) <= _MOST_ROWS or isinstance(instances, OneRow):
        return _Copy(champion, instances, prediction)
    values, probabilities = prediction.values, prediction.probabilities
    first = replace(
        prediction,
        values=np.array(values[:_MOST_ROWS]),
        probabilities=None if probabilities is None else np.array(probabilities[:_MOST_ROWS]),
    )
    return _Copy(champion, ManyRows(instances.matrix[:_MOST_ROWS].copy()), first)


def _rows(instances: Instances) -> Rows:
    return np.array([instances.values]) if isinstance(instances, OneRow) else instances.matrix


def _compared(champion: Answer, challenger: Answer) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How far apart the rows are (n,), for numbers relative to the champion's, for labels by their probabilities; and
    which disagree (n,).
    """
    if champion.probabilities:
        apart = np.abs(np.array(champion.probabilities) - np.array(challenger.probabilities)).max(axis=1)
        return apart, np.array(champion.predictions) != np.array(challenger.predictions)
    one, other = np.array(champion.predictions, dtype=float), np.array(challenger.predictions, dtype=float)
    apart = np.abs(one - other) / np.maximum(np.abs(one), _TOLERANCE)
    return apart, apart > _TOLERANCE
