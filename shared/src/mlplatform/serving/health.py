"""Whether this predictor can answer, and with which versions."""

from time import time
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from mlplatform.contracts import Contract
from mlplatform.runtime import Slot, VersionTable
from mlplatform.serving.versions import Versions
from mlplatform.serving.watcher import Watcher
from mlplatform.serving.witness import Witness


def health_routes(
    contract: Contract, slot: Slot, table: VersionTable, versions: Versions, watcher: Watcher, witness: Witness
) -> APIRouter:
    """`/health/ready` and `/health`. Ready means a verified version is loaded; nothing else can take it back."""
    router = APIRouter(tags=["operation"])

    @router.get("/health/ready", summary="A verified version is loaded", responses={503: {"description": "Not yet"}})
    async def ready() -> JSONResponse:
        state = _state(contract, slot)
        return JSONResponse(state, 200 if slot.live else 503)

    @router.get(
        "/health", summary="The same, which versions are wanted, loaded and bad, and how fresh that knowledge is"
    )
    async def health() -> JSONResponse:
        age = None if watcher.answered_at is None else round(max(0.0, time() - watcher.answered_at), 1)
        traffic, evidence = watcher.traffic, witness.told()
        state = {
            **_state(contract, slot),
            "wanted": dict(watcher.aliases),
            "loaded": table.versions,
            "refused": versions.refusals.told(),
            "traffic": traffic and traffic.model_dump(mode="json", exclude={"salt"}),
            "evidence": evidence and evidence.model_dump(),
            "registry": {"seconds_since_answer": age, "trouble": watcher.trouble},
        }
        return JSONResponse(state, 200 if slot.live else 503)

    return router


def _state(contract: Contract, slot: Slot) -> dict[str, Any]:
    common = {"service": f"{contract.model}-predictor", "model": contract.model}
    if slot.live is None:
        return {"status": "not ready", **common, "reason": slot.reason}
    return {"status": "ready", **common, "version": slot.live.version}
