"""Model cards, as JSON and as a page."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import Field, ValidationError
from starlette.responses import HTMLResponse, Response

from mlplatform.contracts import Contract, contract_of
from trainer.card.facts import Card
from trainer.card.page import content_security_policy, render
from trainer.errors import CardNotFound
from trainer.promotions.registry import CARD_FILE, CARD_TAG, Registry

_JSON, _HTML = "application/json", "text/html"


class CardOfVersion(Card):
    """The card with what is not known when it is written: the version's number, and its aliases by now."""

    version: str
    aliases: list[str] = Field(description="As they are now.")


def card_routes(registry: Registry) -> APIRouter:
    """The routes over a registry."""
    routes = APIRouter(prefix="/models/{model}/versions/{version}", tags=["models"])
    answers: dict[int | str, dict[str, Any]] = {200: {"model": CardOfVersion, "content": {_HTML: {}}}}

    @routes.get(
        "/card", summary="The card of a version: as JSON, or as a page for who asks for HTML", responses=answers
    )
    def card(model: str, version: str, accept: Annotated[str, Header()] = "") -> Response:
        """404 for a version that was registered before there were cards."""
        found = _read(contract_of(model), version, registry)
        if _quality(_HTML, accept) > _quality(_JSON, accept):
            return _page(found)
        return Response(found.model_dump_json(), headers={"Vary": "Accept"}, media_type=_JSON)

    @routes.get("/card.html", summary="The same page under an address of its own", response_class=HTMLResponse)
    def page(model: str, version: str) -> Response:
        return _page(_read(contract_of(model), version, registry))

    return routes


def _read(contract: Contract, version: str, registry: Registry) -> CardOfVersion:
    name = contract.registered_model
    sha256 = registry.version(name, version)["tags"].get(CARD_TAG)
    if sha256 is None:
        raise CardNotFound(
            f"version {version} of {contract.model} has no card: it was registered before there were any"
        )
    content = registry.file(name, version, CARD_FILE)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CardNotFound(f"the card of version {version} of {contract.model} is not the one that was registered")
    try:
        card = Card.model_validate_json(content)
    except ValidationError as error:
        raise CardNotFound(f"the card of version {version} of {contract.model} cannot be read: {error}") from error
    aliases = sorted(alias for alias, pointed_at in registry.aliases(name).items() if pointed_at == version)
    return CardOfVersion(**card.model_dump(), version=version, aliases=aliases)


def _page(card: CardOfVersion) -> Response:
    headers = {"Content-Security-Policy": content_security_policy(), "Vary": "Accept"}
    return HTMLResponse(render(card, card.version, card.aliases), headers=headers)


def _quality(media_type: str, accept: str) -> float:
    """How much a client wants a media type; the most specific range counts (RFC 9110, section 12.5.1)."""
    wanted = {media_type: 2, f"{media_type.split('/', maxsplit=1)[0]}/*": 1, "*/*": 0}
    best = (-1, 0.0)
    for media_range in accept.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        if name in wanted:
            best = max(best, (wanted[name], _weight(parameters)))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
