"""Which version answers a request: the one that it names, or its side of the split, or the champion."""

from collections.abc import Mapping

from mlplatform.runtime import CHALLENGER, LiveModel, Slot, VersionTable
from mlplatform.serving.on_demand import OnDemand
from mlplatform.telemetry.rollout import RolloutMetrics

PIN = b"x-model-version"
SUBJECT = b"x-subject-id"

RequestHeaders = Mapping[bytes, bytes]


class Router:
    """Chooses for each request, and finds who steps in where the choice fails."""

    def __init__(self, slot: Slot, table: VersionTable, on_demand: OnDemand, rollout: RolloutMetrics) -> None:
        self._slot = slot
        self._table = table
        self._on_demand = on_demand
        self._rollout = rollout

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
        return slot.challenger

    async def bring(self, headers: RequestHeaders, request_id: bytes) -> LiveModel:
        """The same, loading what has to be loaded; raises what `OnDemand.bring` does, too."""
        return self.choose(headers, request_id) or await self._on_demand.bring(headers[PIN].decode("latin-1"))

    def stand_in(self, failed: LiveModel) -> LiveModel | None:
        """The champion, where it was the challenger that failed; counted."""
        if failed.variant != CHALLENGER:
            return None
        self._rollout.fell_back("failed")
        return self._slot.live
