"""Whether this predictor can answer, and with which versions."""

from collections.abc import Callable
from time import time
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from mlplatform.contracts import Contract
from mlplatform.runtime import Slot, VersionTable
from mlplatform.serving.versions import Versions
from mlplatform.serving.watcher import Watcher
from mlplatform.serving.witness import Witness

READY = "ready"


def health_routes(
    contract: Contract,
    slot: Slot,
    table: VersionTable,
    versions: Versions,
    watcher: Watcher,
    witness: Witness,
    is_leaving: Callable[[], bool],
) -> APIRouter:
    """`/health/ready` and `/health`. Ready means a verified version is loaded; nothing but the end takes it back."""

    def ready_or_not() -> dict[str, Any]:
        return _state(contract, slot, "it was asked to stop" if is_leaving() else None)

    router = APIRouter(tags=["operation"])

    @router.get(
        "/health/ready", summary="A verified version is loaded", responses={503: {"description": "Not yet, or no more"}}
    )
    async def ready() -> JSONResponse:
        state = ready_or_not()
        return JSONResponse(state, 200 if state["status"] == READY else 503)

    @router.get(
        "/health", summary="The same, which versions are wanted, loaded and bad, and how fresh that knowledge is"
    )
    async def health() -> JSONResponse:
        age = None if watcher.answered_at is None else round(max(0.0, time() - watcher.answered_at), 1)
        traffic, evidence = watcher.traffic, witness.told()
        state = {
            **ready_or_not(),
            "wanted": dict(watcher.aliases),
            "loaded": table.versions,
            "refused": versions.refusals.told(),
            "missing": watcher.setbacks,
            "traffic": traffic and traffic.model_dump(mode="json", exclude={"salt"}),
            "evidence": evidence and evidence.model_dump(),
            "registry": {"seconds_since_answer": age, "trouble": watcher.trouble},
        }
        return JSONResponse(state, 200 if state["status"] == READY else 503)

    return router


def _state(contract: Contract, slot: Slot, end: str | None) -> dict[str, Any]:
    common = {"service": f"{contract.model}-predictor", "model": contract.model}
    if slot.live is None:
        return {"status": "not ready", **common, "reason": slot.reason}
    if end:
        return {"status": "not ready", **common, "version": slot.live.version, "reason": end}
    return {"status": READY, **common, "version": slot.live.version}
