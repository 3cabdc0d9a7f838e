import hashlib

import httpx
import pytest

from mlplatform.contracts import IRIS
from trainer.card.page import content_security_policy
from trainer.testing import InMemoryModels, example_card

pytestmark = pytest.mark.anyio

NAME = IRIS.registered_model
CARD = "/models/iris/versions/2/card"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def models() -> InMemoryModels:
    models = InMemoryModels(pointers={NAME: {"champion": "2", "previous": "1"}})
    models.register(NAME, "1")
    store(models, example_card().model_dump_json().encode())
    return models


def store(models: InMemoryModels, card: bytes) -> None:
    models.register(NAME, "2", card_sha256=hashlib.sha256(card).hexdigest())
    models.files[NAME, "2", "card.json"] = card


async def test_a_card_is_json_with_the_version_and_its_aliases_of_now(api: httpx.AsyncClient) -> None:
    response = await api.get(CARD)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"
    found = response.json()
    assert (found.pop("version"), found.pop("aliases")) == ("2", ["champion"])
    assert found == example_card().model_dump(mode="json")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (BROWSER, "text/html"),
        ("text/html", "text/html"),
        ("text/*", "text/html"),
        ("application/json;q=0.4, text/html;q=0.5", "text/html"),
        ("*/*, application/json;q=0.1", "text/html"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/html, application/json", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("text/html;q=nonsense", "application/json"),
        ("image/png", "application/json"),
    ],
)
async def test_a_card_is_a_page_for_who_would_rather_have_one(
    api: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    response = await api.get(CARD, headers={"Accept": accept})
    assert response.status_code == httpx.codes.OK
    assert response.headers["content-type"].startswith(media_type)


async def test_the_page_has_an_address_of_its_own_and_says_what_it_consists_of(api: httpx.AsyncClient) -> None:
    page = await api.get(f"{CARD}.html", headers={"Accept": "application/json"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == content_security_policy()
    assert page.text.startswith("<!doctype html>")
    assert page.text == (await api.get(CARD, headers={"Accept": "text/html"})).text


@pytest.mark.parametrize("page", ["card", "card.html"])
@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/models/iris/versions/1", "version 1 of iris has no card: it was registered before there were any"),
        ("/models/iris/versions/9", "no version 9"),
        ("/models/wine/versions/1", "no model 'wine'; there are housing, iris"),
    ],
)
async def test_what_has_no_card_is_a_problem_that_says_why(
    api: httpx.AsyncClient, path: str, page: str, detail: str
) -> None:
    response = await api.get(f"{path}/{page}", headers={"Accept": BROWSER})
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == detail


async def test_a_card_that_nobody_can_read_is_told_as_such(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    store(models, b'{"schema_version": 99}')
    response = await api.get(CARD)
    assert response.status_code == httpx.codes.NOT_FOUND
    assert "cannot be read" in response.json()["detail"]


async def test_a_card_that_was_changed_afterwards_is_not_shown(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    models.files[NAME, "2", "card.json"] = example_card("better than it was").model_dump_json().encode()
    response = await api.get(CARD)
    assert response.status_code == httpx.codes.NOT_FOUND
    assert "is not the one that was registered" in response.json()["detail"]


async def test_numbers_that_are_none_are_told_as_words(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    gate = example_card().gate.model_dump() | {
        "reasons": [{"check": "loss", "passed": False, "detail": "", "numbers": {"value": float("nan")}}]
    }
    card = example_card().model_validate(example_card().model_dump() | {"gate": gate})
    store(models, card.model_dump_json().encode())
    assert (await api.get(CARD)).json()["gate"]["reasons"][0]["numbers"] == {"value": "NaN"}
