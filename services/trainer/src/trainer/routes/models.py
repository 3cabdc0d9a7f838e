"""Models: which versions there are, who serves, and changing that."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from mlplatform.contracts import CONTRACTS, Contract, contract_of
from mlplatform.errors import ModelVersionNotFound
from mlplatform.registry.manifest import CHALLENGER
from mlplatform.registry.traffic import TRAFFIC_TAG, Traffic, read_traffic
from trainer.promotions.history import Entry
from trainer.promotions.ledger import ANYBODY, Ledger
from trainer.promotions.registry import CARD_TAG, GATE_FILE, METRIC_TAG, VERDICT_TAG, Registry, Version

_NUMBER = r"^[1-9][0-9]{0,9}$"
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

_Reason = Annotated[str, Field(description="Kept in the history.", min_length=1, max_length=1_000)]


class PromoteRequest(BaseModel):
    """Which version to let serve, and why."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(pattern=_NUMBER, examples=["3"])
    reason: _Reason
    expected_champion: str | None = Field(
        default=ANYBODY,
        description="Refused with 409 when another version serves by now; null expects that none does.",
        examples=["2"],
    )
    force: bool = Field(default=False, description="Even if the version was rolled back before.")


class RollbackRequest(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: _Reason


class Holder(BaseModel):
    """The version behind an alias."""

    version: str
    since: AwareDatetime | None = Field(description="From the history, which knows nothing of challengers.")


class TrafficRequest(BaseModel):
    """How to share the champion's traffic with the challenger."""

    model_config = ConfigDict(extra="forbid")

    challenger_percent: float = Field(
        default=0, ge=0, le=100, multiple_of=0.01, description="The challenger's share of all requests.", examples=[5]
    )
    shadow: bool = Field(default=False, description="Let it answer a copy of the champion's share, for comparison.")
    expires_at: AwareDatetime | None = Field(default=None, description="When all is the champion's again.")
    reason: _Reason = "no reason was given"

    @field_validator("expires_at")
    @classmethod
    def _is_to_come(cls, value: datetime | None) -> datetime | None:
        if value is not None and value <= datetime.now(UTC):
            raise ValueError("it should be in the future")
        return value


class ModelSummary(BaseModel):
    """A model and who serves it: the champion; the challenger waits, the previous one is what a rollback goes to."""

    model: str
    registered_model: str
    aliases: dict[str, str]
    holders: dict[str, Holder] = Field(description="By alias.")


class ModelList(BaseModel):
    """All models of the platform."""

    models: list[ModelSummary]


class VersionSummary(BaseModel):
    """A registered version."""

    version: str
    aliases: list[str]
    created_at: int = Field(description="Milliseconds since 1970.")
    description: str
    candidate: str | None
    effort: str | None
    verdict: str | None = Field(description="What the gate said.")
    holdout: dict[str, float] = Field(description="What it scores on the hold-out.")
    card: str | None = Field(description="Where its card is; none of versions before there were cards.")


class TrafficSummary(BaseModel):
    """How the traffic is shared; `is_active` only while that very challenger is there and time is not up."""

    challenger: str
    challenger_percent: float
    shadow: bool
    expires_at: AwareDatetime | None
    is_active: bool


class ModelDetail(ModelSummary):
    """A model with its latest versions, newest first, and how its traffic is shared; none where it is all the
    champion's.
    """

    traffic: TrafficSummary | None
    versions: list[VersionSummary]


class VersionDetail(VersionSummary):
    """All that is known of a version."""

    run_id: str
    metrics: dict[str, float] = Field(description="Of its run.")
    parameters: dict[str, str]
    origin: dict[str, str]
    libraries: dict[str, str]
    gate: dict[str, Any] | None = Field(description="What the gate decided and why; none before there was a gate.")


class History(BaseModel):
    """Entries, newest first, and whether the whole chain of them is whole."""

    model: str
    is_whole: bool
    entries: list[Entry]


class Live(BaseModel):
    """What was live at a moment; no entry when nothing was."""

    model: str
    at: AwareDatetime
    entry: Entry | None


def model_routes(registry: Registry, ledger: Ledger) -> APIRouter:
    """The routes over a registry and the ledger of promotions."""
    routes = APIRouter(prefix="/models", tags=["models"])

    @routes.get("", summary="All models and who serves them")
    def models() -> ModelList:
        return ModelList(
            models=[ModelSummary(**_summary(contract, registry, ledger)) for contract in CONTRACTS.values()]
        )

    @routes.get("/{model}", summary="One model: its aliases and versions")
    def model(model: str) -> ModelDetail:
        contract = contract_of(model)
        summary = _summary(contract, registry, ledger)
        versions = registry.versions(contract.registered_model)
        return ModelDetail(
            **summary,
            traffic=_traffic(
                read_traffic(registry.tags(contract.registered_model).get(TRAFFIC_TAG)), summary["aliases"]
            ),
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
            actor=_actor(request),
            expected_champion=asked.expected_champion,
            force=asked.force,
        )

    @routes.post("/{model}/rollback", summary="Let the champion before this one serve again")
    def rollback(model: str, asked: RollbackRequest, request: Request) -> Entry:
        return ledger.rollback(contract_of(model), reason=asked.reason, actor=_actor(request))

    @routes.put("/{model}/traffic", summary="Share the champion's traffic with the challenger")
    def share(model: str, asked: TrafficRequest, request: Request) -> Entry:
        """The entry of the history that this became. Predictors follow within seconds."""
        return ledger.share(
            contract_of(model),
            percent=asked.challenger_percent,
            shadow=asked.shadow,
            expires_at=asked.expires_at,
            reason=asked.reason,
            actor=_actor(request),
        )

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
    in_time = traffic.expires_at is None or traffic.expires_at > datetime.now(UTC)
    gets_any = bool(traffic.challenger_percent or traffic.shadow)
    is_active = gets_any and in_time and aliases.get(CHALLENGER) == traffic.challenger
    return TrafficSummary(**traffic.model_dump(exclude={"salt"}), is_active=is_active)


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


def _actor(request: Request) -> str:
    """Who asks, as far as that is known without keys: the address that the gateway saw."""
    address = request.headers.get("x-forwarded-for") or (request.client.host if request.client else "unknown")
    return f"api:{address[:200]}"
