"""Which version answers a request: the one that it names, or its side of the split, or the champion."""

from collections.abc import Mapping, Sequence

import structlog

from mlplatform.runtime import CHALLENGER, CHAMPION, LiveModel, Slot, VersionTable
from mlplatform.serving.instances import Instances, OneRow
from mlplatform.serving.on_demand import OnDemand
from mlplatform.serving.prediction import Prediction, predict, predict_few
from mlplatform.serving.shadow import Shadows
from mlplatform.telemetry.rollout import RolloutMetrics
from mlplatform.telemetry.throttle import Throttle

PIN = b"x-model-version"
SUBJECT = b"x-subject-id"

RequestHeaders = Mapping[bytes, bytes]

_log = structlog.get_logger(__name__)


class Router:
    """Chooses for each request, lets the champion step in where a challenger fails, and gives the shadow its copy."""

    def __init__(
        self, *, slot: Slot, table: VersionTable, on_demand: OnDemand, shadows: Shadows, rollout: RolloutMetrics
    ) -> None:
        self._slot = slot
        self._table = table
        self._on_demand = on_demand
        self._shadows = shadows
        self._rollout = rollout
        self._throttle = Throttle()

    def choose(self, headers: RequestHeaders, request_id: bytes) -> LiveModel | None:
        """The model for a request; none when it names a version that has to be loaded first.

        Raises:
            ModelNotReady: no champion is loaded yet.
        """
        slot = self._slot
        if PIN in headers:
            return self._table.get(headers[PIN].decode("latin-1"))
        if slot.split is None or not slot.split.takes(headers.get(SUBJECT) or request_id):
            return slot.get()
        if slot.challenger is None:
            self._rollout.fell_back("not_loaded")
            return slot.get()
        self._shadows.witness.seen.assigned += 1
        return slot.challenger

    async def bring(self, headers: RequestHeaders, request_id: bytes) -> LiveModel:
        """The same, loading what has to be loaded; raises what `OnDemand.bring` does, too."""
        return self.choose(headers, request_id) or await self._on_demand.bring(headers[PIN].decode("latin-1"))

    def predict(self, live: LiveModel, instances: Instances, prediction_id: str) -> Prediction:
        """What a model, or the champion in its place, says of the rows of a request."""
        try:
            prediction = predict(live, instances, prediction_id)
        except Exception as error:  # noqa: BLE001 # raised again unless the champion can step in
            return predict(self._stand_in(live, error), instances, prediction_id)
        shadow = self._shadows.current
        if shadow is not None and live.variant == CHAMPION:
            shadow.offer(live, instances, prediction)
        return prediction

    def predict_few(self, live: LiveModel, rows: Sequence[OneRow], prediction_ids: Sequence[str]) -> list[Prediction]:
        """The same of up to `FEW` requests with a row each; the champion steps in for one alone, as it may be that one
        which the challenger fails at.
        """
        try:
            predictions = predict_few(live, rows, prediction_ids)
        except Exception as error:  # raised again, but of one row that was the challenger's
            if len(rows) > 1:
                raise
            return predict_few(self._stand_in(live, error), rows, prediction_ids)
        shadow = self._shadows.current
        if shadow is not None and live.variant == CHAMPION:
            for row, prediction in zip(rows, predictions, strict=True):
                shadow.offer(live, row, prediction)
        return predictions

    def _stand_in(self, failed: LiveModel, error: Exception) -> LiveModel:
        """The champion, where it was the challenger that failed; anybody else's error is raised."""
        if failed.variant != CHALLENGER:
            raise error
        self._rollout.fell_back("failed")
        self._shadows.witness.seen.failed += 1
        if (untold := self._throttle.admit(failed.version)) is not None:
            reason = f"{type(error).__name__}: {error}"
            _log.warning("the challenger failed", version=failed.version, error=reason, untold=untold)
        return self._slot.get()
