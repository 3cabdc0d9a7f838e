import httpx
import pytest

from mlplatform.contracts import IRIS
from mlplatform.registry.evidence import Evidence
from trainer.promotions.replicas import Replica
from trainer.testing import InMemoryModels, InMemoryReplicas

pytestmark = pytest.mark.anyio

NAME = IRIS.registered_model


@pytest.fixture
def models() -> InMemoryModels:
    models = InMemoryModels(pointers={NAME: {"champion": "1"}})
    for version in ("1", "2", "3"):
        models.register(NAME, version)
    models.registered[NAME, "3"]["gate"] = "reject"
    return models


async def challenge(api: httpx.AsyncClient, version: str, **more: object) -> httpx.Response:
    return await api.put("/models/iris/challenger", json={"version": version, "reason": "a candidate", **more})


async def test_a_challenger_is_set_by_hand_and_the_history_says_by_whom(
    api: httpx.AsyncClient, models: InMemoryModels
) -> None:
    entry = (await challenge(api, "2")).json()
    assert (entry["action"], entry["after"], entry["traffic"]["challenger"]) == ("challenge", "1", "2")
    assert entry["actor"].startswith("api:")
    assert models.aliases(NAME)["challenger"] == "2"
    assert (await api.get("/models/iris/history")).json()["entries"][0] == entry


@pytest.mark.parametrize(("version", "status"), [("9", 404), ("1", 409), ("3", 409), ("two", 422)])
async def test_what_cannot_challenge_is_refused_with_a_problem(
    api: httpx.AsyncClient, version: str, status: int
) -> None:
    response = await challenge(api, version)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_rejected_version_challenges_by_force(api: httpx.AsyncClient) -> None:
    assert (await challenge(api, "3", force=True)).json()["forced"] is True


async def withdraw(api: httpx.AsyncClient, model: str = "iris", **body: str) -> httpx.Response:
    return await api.request("DELETE", f"/models/{model}/challenger", json=body)


async def test_a_challenger_is_withdrawn_and_the_history_says_why(
    api: httpx.AsyncClient, models: InMemoryModels
) -> None:
    await challenge(api, "2")
    entry = (await withdraw(api, reason="no good")).json()
    assert (entry["action"], entry["reason"], entry["traffic"]["challenger"]) == ("withdraw", "no good", "2")
    assert entry["actor"].startswith("api:")
    assert models.aliases(NAME) == {"champion": "1"}
    assert (await api.get("/models/iris")).json()["traffic"] is None
    history = (await api.get("/models/iris/history")).json()
    assert (history["entries"][0], history["is_whole"]) == (entry, True)


async def test_where_nobody_challenges_there_is_nobody_to_withdraw(api: httpx.AsyncClient) -> None:
    for model, body, status in (
        ("iris", {"reason": "no good"}, httpx.codes.CONFLICT),
        ("wine", {"reason": "no good"}, httpx.codes.NOT_FOUND),
        ("iris", {}, httpx.codes.UNPROCESSABLE_ENTITY),
    ):
        response = await withdraw(api, model, **body)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_ramp_begins_is_seen_and_ended(api: httpx.AsyncClient, replicas: InMemoryReplicas) -> None:
    assert (await api.delete("/models/iris/ramp")).status_code == httpx.codes.NOT_FOUND
    assert (await api.post("/models/iris/ramp", json={})).status_code == httpx.codes.CONFLICT
    await challenge(api, "2")
    entry = (await api.post("/models/iris/ramp", json={"reason": "looks good"})).json()
    assert (entry["reason"], entry["traffic"]["challenger_percent"]) == ("looks good", 1)
    assert entry["traffic"]["ramp"]["steps"] == [1, 5, 25, 50, 100]
    assert (await api.post("/models/iris/ramp", json={})).status_code == httpx.codes.CONFLICT
    other = Evidence(mark="of another traffic", assigned=9)
    replicas.told["iris"] = [Replica(address="a:1", loaded=["1", "2"], evidence=other)]
    model = (await api.get("/models/iris")).json()
    assert model["traffic"]["challenger_percent"] == 1
    assert model["ramp"]["since"] == entry["at"]
    assert model["ramp"]["plan"]["soak_seconds"] == 600
    assert model["ramp"]["judgement"]["verdict"] == "wait"
    assert model["ramp"]["judgement"]["reason"].endswith("a:1 (it follows other traffic)")
    ended = (await api.delete("/models/iris/ramp")).json()
    assert (ended["traffic"]["challenger_percent"], ended["traffic"]["ramp"]) == (0, None)
    assert (await api.get("/models/iris")).json()["ramp"] is None
    assert (await api.get("/models/iris/history")).json()["is_whole"] is True


@pytest.mark.parametrize(
    "body", [{"steps": [5, 1]}, {"soak_seconds": 0}, {"limits": {"errors": 1}}, {"steps": [1], "who": "me"}]
)
async def test_a_ramp_that_makes_no_sense_is_refused(api: httpx.AsyncClient, body: dict[str, object]) -> None:
    await challenge(api, "2")
    assert (await api.post("/models/iris/ramp", json=body)).status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_each_replica_is_told_of_with_what_it_should_have_and_has(
    api: httpx.AsyncClient, replicas: InMemoryReplicas
) -> None:
    assert (await api.get("/models/iris")).json()["is_converged"] is False
    await challenge(api, "2")
    roles = {"champion": "1", "challenger": "2"}
    follows = Replica(address="a:1", version="1", wanted=roles, loaded=["1", "2"])
    lags = Replica(address="b:1", version="1", wanted=roles, loaded=["1"], refused={"2": {"reason": "golden"}})
    replicas.told["iris"] = [follows, lags, Replica(address="c:1", trouble="ConnectError")]
    model = (await api.get("/models/iris")).json()
    assert [(each["actual"], each["is_converged"], each["trouble"]) for each in model["replicas"]] == [
        (roles, True, None),
        ({"champion": "1"}, False, None),
        ({}, False, "ConnectError"),
    ]
    assert all(each["desired"] == roles for each in model["replicas"])
    assert model["replicas"][1]["refused"] == {"2": {"reason": "golden"}}
    assert model["is_converged"] is False
    replicas.told["iris"] = [follows]
    assert (await api.get("/models/iris")).json()["is_converged"] is True


@pytest.mark.parametrize(
    "plan",
    [
        '{"min_requests": 10000000000}',
        '{"min_requests": %s}' % ("7" * 5_000),
        '{"limits": {"latency_ratio": 1e999}}',
        '{"soak_seconds": 1e999}',
    ],
)
async def test_a_ramp_beyond_all_numbers_is_refused(api: httpx.AsyncClient, plan: str) -> None:
    response = await api.post("/models/iris/ramp", content=plan, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
