"""Models: which versions there are, who serves, and changing that."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mlplatform.contracts import CONTRACTS, Contract, contract_of
from mlplatform.errors import ModelVersionNotFound
from mlplatform.registry.manifest import CHALLENGER, CHAMPION, PREVIOUS, VERSION_NUMBER
from mlplatform.registry.traffic import TRAFFIC_TAG, Traffic, read_traffic
from trainer.promotions.history import Entry
from trainer.promotions.ledger import ANYBODY, Ledger
from trainer.promotions.registry import CARD_TAG, GATE_FILE, METRIC_TAG, VERDICT_TAG, Registry, Version
from trainer.promotions.replicas import Replica, Replicas
from trainer.promotions.steward import verdict_on
from trainer.routes.answers import (
    History,
    Holder,
    Live,
    ModelDetail,
    ModelList,
    ModelSummary,
    RampState,
    ReplicaSummary,
    TrafficSummary,
    VersionDetail,
    VersionSummary,
)
from trainer.routes.text import WITHOUT_NUL

NUMBER = f"^{VERSION_NUMBER}$"
_ORIGIN = (
    "reason",
    "effort",
    "candidate",
    "parent_version",
    "seed",
    "data_sha256",
    "data_period",
    "data_rows",
    "train_rows",
    "holdout_rows",
    "feedback_rows",
    "feedback_refused",
    "feedback_sha256",
    "code_version",
    "code_revision",
    "onnx_sha256",
    "manifest_sha256",
    "card_sha256",
)

Reason = Annotated[str, Field(description="Kept in the history.", min_length=1, max_length=1_000, pattern=WITHOUT_NUL)]


class PromoteRequest(BaseModel):
    """Which version to let serve, and why."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(pattern=NUMBER, examples=["3"])
    reason: Reason
    expected_champion: str | None = Field(
        default=ANYBODY,
        pattern=NUMBER,
        description="Refused with 409 when another version serves by now; null expects that none does.",
        examples=["2"],
    )
    force: bool = Field(
        default=False, description="Even if the version was rolled back before, or the gate rejected it."
    )


class RollbackRequest(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


def model_routes(registry: Registry, ledger: Ledger, replicas: Replicas) -> APIRouter:
    """The routes over a registry, the ledger of promotions and the predictors."""
    routes = APIRouter(prefix="/models", tags=["models"])

    @routes.get("", summary="All models and who serves them")
    def models() -> ModelList:
        return ModelList(
            models=[ModelSummary(**_summary(contract, registry, ledger)) for contract in CONTRACTS.values()]
        )

    @routes.get("/{model}", summary="One model: its aliases, versions, traffic and predictors")
    def model(model: str) -> ModelDetail:
        contract = contract_of(model)
        summary = _summary(contract, registry, ledger)
        versions = registry.versions(contract.registered_model)
        found = replicas.of(contract.model)
        followed = [_replica(replica, summary["aliases"]) for replica in found]
        return ModelDetail(
            **summary,
            traffic=_traffic(
                read_traffic(registry.tags(contract.registered_model).get(TRAFFIC_TAG)), summary["aliases"]
            ),
            ramp=_ramp(ledger.entries(contract), found),
            replicas=followed,
            is_converged=bool(followed) and all(replica.is_converged for replica in followed),
            versions=[VersionSummary(**_version(contract, version, summary["aliases"])) for version in versions],
        )

    @routes.get("/{model}/versions/{version}", summary="One version: its metrics, origin and aliases")
    def version(model: str, version: str) -> VersionDetail:
        contract = contract_of(model)
        found = registry.version(contract.registered_model, version)
        tags = found["tags"]
        return VersionDetail(
            **_version(contract, found, registry.aliases(contract.registered_model)),
            run_id=found.get("run_id", ""),
            metrics=registry.metrics(found["run_id"]) if found.get("run_id") else {},
            parameters=json.loads(tags.get("parameters", "{}")),
            origin={name: tags[name] for name in _ORIGIN if name in tags},
            libraries={name.removeprefix("library."): tags[name] for name in tags if name.startswith("library.")},
            gate=_gate_report(contract, registry, version),
        )

    @routes.post("/{model}/promote", summary="Let a version serve")
    def promote(model: str, asked: PromoteRequest, request: Request) -> Entry:
        """The entry of the history that this became, or that made the version champion before."""
        return ledger.promote(
            contract_of(model),
            asked.version,
            reason=asked.reason,
            actor=actor_of(request),
            expected_champion=asked.expected_champion,
            force=asked.force,
        )

    @routes.post("/{model}/rollback", summary="Let the champion before this one serve again")
    def rollback(model: str, asked: RollbackRequest, request: Request) -> Entry:
        return ledger.rollback(contract_of(model), reason=asked.reason, actor=actor_of(request))

    @routes.get("/{model}/history", summary="Who served when, and who decided that; or what was live at a time")
    def history(
        model: str,
        at: Annotated[AwareDatetime | None, Query(description="What was live then?")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> History | Live:
        contract = contract_of(model)
        if at is not None:
            return Live(model=contract.model, at=at, entry=ledger.live_at(contract, at))
        entries = ledger.entries(contract)
        whole = ledger.first_break(contract) is None
        return History(model=contract.model, is_whole=whole, entries=entries[::-1][:limit])

    return routes


def _summary(contract: Contract, registry: Registry, ledger: Ledger) -> dict[str, Any]:
    aliases, since = registry.aliases(contract.registered_model), ledger.held_since(contract)
    return {
        "model": contract.model,
        "registered_model": contract.registered_model,
        "aliases": aliases,
        "holders": {
            alias: Holder(version=version, since=since.get((alias, version))) for alias, version in aliases.items()
        },
    }


def _traffic(traffic: Traffic | None, aliases: Mapping[str, str]) -> TrafficSummary | None:
    if traffic is None:
        return None
    in_time = not traffic.is_over(datetime.now(UTC))
    gets_any = bool(traffic.challenger_percent or traffic.shadow)
    is_active = gets_any and in_time and aliases.get(CHALLENGER) == traffic.challenger
    return TrafficSummary(**traffic.model_dump(exclude={"salt"}), is_active=is_active)


def _ramp(entries: Sequence[Entry], replicas: Sequence[Replica]) -> RampState | None:
    step = entries[-1] if entries else None
    judgement = verdict_on(step, replicas) if step else None
    if step is None or judgement is None or step.traffic is None or step.traffic.ramp is None:
        return None
    return RampState(plan=step.traffic.ramp, since=step.at, judgement=judgement)


def _replica(replica: Replica, aliases: Mapping[str, str]) -> ReplicaSummary:
    desired = {role: aliases[role] for role in (CHAMPION, CHALLENGER, PREVIOUS) if role in aliases}
    actual = replica.actual()
    return ReplicaSummary(
        address=replica.address,
        desired=desired,
        actual=actual,
        is_converged=actual == desired,
        refused=replica.refused,
        trouble=replica.trouble,
    )


def _version(contract: Contract, version: Version, aliases: Mapping[str, str]) -> dict[str, Any]:
    tags = version["tags"]
    names: Sequence[str] = sorted(alias for alias, pointed_at in aliases.items() if pointed_at == version["version"])
    return {
        "version": version["version"],
        "aliases": names,
        "created_at": version["creation_timestamp"],
        "description": version.get("description", ""),
        "candidate": tags.get("candidate"),
        "effort": tags.get("effort"),
        "verdict": tags.get(VERDICT_TAG),
        "holdout": {
            name.removeprefix(METRIC_TAG): float(value) for name, value in tags.items() if name.startswith(METRIC_TAG)
        },
        "card": f"/models/{contract.model}/versions/{version['version']}/card" if CARD_TAG in tags else None,
    }


def _gate_report(contract: Contract, registry: Registry, version: str) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = json.loads(registry.file(contract.registered_model, version, GATE_FILE))
    except ModelVersionNotFound:
        return None
    return report


def actor_of(request: Request) -> str:
    """Who asks, as far as that is known without keys: the address that the gateway saw."""
    address = request.headers.get("x-forwarded-for") or (request.client.host if request.client else "unknown")
    return f"api:{address[:200]}"
