import httpx
import pytest

from mlplatform.contracts import HOUSING
from trainer.testing import InMemoryModels

pytestmark = pytest.mark.anyio

NAME = HOUSING.registered_model


@pytest.fixture
def models() -> InMemoryModels:
    models = InMemoryModels(measured={"run-2": {"holdout_rmse": 0.45}})
    for version in ("1", "2", "3"):
        models.register(NAME, version, candidate="ridge", **{"library.numpy": "2.0"})
    models.registered[NAME, "2"] |= {
        "gate": "promote",
        "effort": "quick",
        "metric.rmse": "0.45",
        "parameters": '{"alpha": "1.0"}',
        "parent_version": "1",
        "card_sha256": "0" * 64,
    }
    return models


async def promote(api: httpx.AsyncClient, version: str, **more: object) -> httpx.Response:
    return await api.post("/models/housing/promote", json={"version": version, "reason": "better", **more})


async def test_a_promotion_is_answered_with_its_entry(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    response = await promote(api, "2")
    assert response.status_code == httpx.codes.OK
    entry = response.json()
    assert (entry["action"], entry["before"], entry["after"], entry["reason"]) == ("promote", None, "2", "better")
    assert entry["actor"].startswith("api:")
    assert models.aliases(NAME) == {"champion": "2"}


async def test_the_history_names_the_address_that_the_gateway_saw(api: httpx.AsyncClient) -> None:
    body = {"version": "1", "reason": "better"}
    response = await api.post("/models/housing/promote", json=body, headers={"X-Forwarded-For": "192.0.2.7"})
    assert response.json()["actor"] == "api:192.0.2.7"


async def test_a_rollback_needs_a_champion_before_this_one(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    await promote(api, "1")
    refused = await api.post("/models/housing/rollback", json={"reason": "worse"})
    assert refused.status_code == httpx.codes.CONFLICT
    await promote(api, "2")
    assert (await api.post("/models/housing/rollback", json={"reason": "worse"})).json()["after"] == "1"
    assert models.aliases(NAME) == {"champion": "1"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": "9", "reason": "better"}, 404),
        ({"version": "2", "reason": "better", "expected_champion": "3"}, 409),
        ({"version": "2", "reason": ""}, 422),
        ({"version": "two", "reason": "better"}, 422),
        ({"version": "2"}, 422),
        ({"version": "2", "reason": "better", "who": "me"}, 422),
    ],
)
async def test_what_cannot_be_promoted_is_refused_with_a_problem(
    api: httpx.AsyncClient, body: dict[str, str], status: int
) -> None:
    await promote(api, "1")
    response = await api.post("/models/housing/promote", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/models/wine", "/models/wine/history", "/models/housing/versions/9"])
async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code == httpx.codes.NOT_FOUND


async def test_with_the_registry_away_clients_are_asked_to_come_again(
    api: httpx.AsyncClient, models: InMemoryModels
) -> None:
    models.is_up = False
    response = await promote(api, "1")
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert response.headers["retry-after"]


async def test_models_and_versions_are_listed_with_who_serves(api: httpx.AsyncClient) -> None:
    await promote(api, "1")
    await promote(api, "2")
    models = (await api.get("/models")).json()["models"]
    assert {model["model"]: model["aliases"] for model in models} == {
        "housing": {"champion": "2", "previous": "1"},
        "iris": {},
    }
    versions = (await api.get("/models/housing")).json()["versions"]
    assert [(version["version"], version["aliases"]) for version in versions] == [
        ("3", []),
        ("2", ["champion"]),
        ("1", ["previous"]),
    ]


async def test_who_serves_is_told_with_since_when(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    await promote(api, "1")
    second = (await promote(api, "2")).json()
    models.set_alias(NAME, "challenger", "3")
    housing = (await api.get("/models")).json()["models"][0]
    assert housing["holders"] == {
        "champion": {"version": "2", "since": second["at"]},
        "previous": {"version": "1", "since": second["at"]},
        "challenger": {"version": "3", "since": None},
    }
    await api.put("/models/housing/traffic", json={"challenger_percent": 5})
    assert (await api.get("/models/housing")).json()["holders"] == housing["holders"]
    back = (await api.post("/models/housing/rollback", json={"reason": "worse"})).json()
    holders = (await api.get("/models/housing")).json()["holders"]
    assert holders["champion"] == {"version": "1", "since": back["at"]}
    assert "previous" not in holders


async def test_an_alias_that_the_history_does_not_know_has_no_date(
    api: httpx.AsyncClient, models: InMemoryModels
) -> None:
    await promote(api, "1")
    models.set_alias(NAME, "champion", "3")
    assert (await api.get("/models/housing")).json()["holders"]["champion"] == {"version": "3", "since": None}


async def test_versions_are_listed_even_where_none_has_ever_served(api: httpx.AsyncClient) -> None:
    model = (await api.get("/models/housing")).json()
    assert model["holders"] == {}
    assert [version["version"] for version in model["versions"]] == ["3", "2", "1"]


async def test_a_list_of_versions_tells_what_each_is_worth(api: httpx.AsyncClient) -> None:
    _, second, first = (await api.get("/models/housing")).json()["versions"]
    assert (second["candidate"], second["effort"], second["verdict"]) == ("ridge", "quick", "promote")
    assert second["holdout"] == {"rmse": 0.45}
    assert second["card"] == "/models/housing/versions/2/card"
    assert (first["effort"], first["verdict"], first["holdout"], first["card"]) == (None, None, {}, None)


async def test_a_version_tells_its_metrics_origin_and_the_gates_report(
    api: httpx.AsyncClient, models: InMemoryModels
) -> None:
    models.files[NAME, "2", "gate.json"] = b'{"verdict": "promote"}'
    version = (await api.get("/models/housing/versions/2")).json()
    assert version["metrics"] == {"holdout_rmse": 0.45}
    assert (version["origin"]["candidate"], version["origin"]["parent_version"]) == ("ridge", "1")
    assert version["parameters"] == {"alpha": "1.0"}
    assert version["libraries"] == {"numpy": "2.0"}
    assert version["gate"] == {"verdict": "promote"}
    assert (await api.get("/models/housing/versions/1")).json()["gate"] is None


async def test_the_history_is_told_newest_first_and_for_any_moment(api: httpx.AsyncClient) -> None:
    first = (await promote(api, "1")).json()
    second = (await promote(api, "2")).json()
    history = (await api.get("/models/housing/history")).json()
    assert history["is_whole"] is True
    assert [entry["after"] for entry in history["entries"]] == ["2", "1"]
    assert history["entries"] == [second, first]
    live = (await api.get("/models/housing/history", params={"at": first["at"]})).json()
    assert live["entry"] == first
    before = (await api.get("/models/housing/history", params={"at": "2020-01-01T00:00:00Z"})).json()
    assert before["entry"] is None


async def test_a_share_is_granted_seen_and_in_the_history(api: httpx.AsyncClient, models: InMemoryModels) -> None:
    await promote(api, "1")
    assert (await api.get("/models/housing")).json()["traffic"] is None
    models.set_alias(NAME, "challenger", "2")
    asked = {"challenger_percent": 5, "shadow": True, "expires_at": "2100-01-01T00:00:00Z"}
    response = await api.put("/models/housing/traffic", json=asked)
    assert response.status_code == httpx.codes.OK
    assert response.json()["action"] == "traffic"
    traffic = (await api.get("/models/housing")).json()["traffic"]
    assert traffic == {**asked, "challenger_percent": 5.0, "challenger": "2", "is_active": True}
    history = (await api.get("/models/housing/history")).json()
    assert history["is_whole"] is True
    assert [entry["action"] for entry in history["entries"]] == ["traffic", "promote"]
    models.set_alias(NAME, "challenger", "3")
    assert (await api.get("/models/housing")).json()["traffic"]["is_active"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"challenger_percent": 101}, 422),
        ({"challenger_percent": -1}, 422),
        ({"challenger_percent": 0.005}, 422),
        ({"challenger_percent": 5, "expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"challenger_percent": 5, "expires_at": "2100-01-01T00:00:00"}, 422),
        ({"percent": 5}, 422),
        ({"challenger_percent": 0.07}, 409),
        ({"shadow": True}, 409),
    ],
)
async def test_a_share_that_makes_no_sense_is_refused_with_a_problem(
    api: httpx.AsyncClient, body: dict[str, object], status: int
) -> None:
    await promote(api, "1")
    response = await api.put("/models/housing/traffic", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["1" * 10, "7" * 400, "7" * 5_000, "-1", "x"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "promote", {"version": "NUMBER", "reason": "better"}),
        ("POST", "promote", {"version": "2", "reason": "better", "expected_champion": "NUMBER"}),
        ("PUT", "challenger", {"version": "NUMBER", "reason": "better"}),
        ("GET", "versions/NUMBER", None),
        ("GET", "versions/NUMBER/card", None),
        ("GET", "versions/NUMBER/card.html", None),
    ],
)
async def test_a_number_that_no_version_can_have_is_refused(
    api: httpx.AsyncClient, number: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    asked = body and {name: number if value == "NUMBER" else value for name, value in body.items()}
    response = await api.request(method, f"/models/iris/{path.replace('NUMBER', number)}", json=asked)
    assert response.status_code == (422 if body else 404)
