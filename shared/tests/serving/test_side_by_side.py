"""Versions side by side, over real sockets and the predictor's own protocol."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.lowlevel
import httpx
import pytest
from fastapi import FastAPI
from onnx import ModelProto, helper
from shared.tests.conftest import SUM_OF_EXAMPLE, Publish, regression_onnx
from shared.tests.serving.conftest import live, until_ready
from shared.tests.serving.test_at_once import LONG, ROW, listening

from mlplatform.contracts import HOUSING
from mlplatform.errors import ModelVersionNotFound, Overloaded
from mlplatform.registry import TRAFFIC_TAG, Traffic
from mlplatform.runtime import LiveModel, Split
from mlplatform.serving.app import PATH, create_app
from mlplatform.serving.at_once import answering_at_once
from mlplatform.serving.on_demand import OnDemand
from mlplatform.serving.shadow import Pair
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["at once", "asgi"])
async def client(
    request: pytest.FixtureRequest, settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> AsyncIterator[httpx.AsyncClient]:
    """A predictor of version 1, with version 2 as challenger, whose predictions are twice as great; version 3 is known
    to the registry only, and version 4 is bad. Both ways to the endpoint are gone.
    """
    publish("4", onnx=b"not onnx")
    publish("3", weight=3.0)
    publish("2", weight=2.0)
    publish("1")
    registry.challenger = "2"
    app = create_app(HOUSING, settings.model_copy(update={"poll_seconds": 0.05}), registry, untried)
    async with app.router.lifespan_context(app), reach(app, request.param) as client:
        await until_ready(client)
        async with asyncio.timeout(10):
            while (await client.get("/health")).json()["loaded"] != ["1", "2"]:
                await anyio.lowlevel.checkpoint()
        yield client


@asynccontextmanager
async def reach(app: FastAPI, way: str) -> AsyncIterator[httpx.AsyncClient]:
    if way == "asgi":
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client:
            yield client
        return
    async with (
        listening(app, answering_at_once(PATH, app.state.predict)) as running,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{running.port}",
            limits=httpx.Limits(max_keepalive_connections=0),  # the server soon hangs up on those
        ) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, body: bytes = ROW, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(PATH, content=body, headers={"Content-Type": "application/json", **named})


async def shared(client: httpx.AsyncClient, registry: InMemoryRegistry, percent: float) -> None:
    """Grant the challenger a share, and wait until the predictor has heard."""
    traffic = Traffic(challenger="2", challenger_percent=percent, salt="salt")
    registry.model_tags = {TRAFFIC_TAG: traffic.model_dump_json()}
    async with asyncio.timeout(10):
        while ((await client.get("/health")).json()["traffic"] or {}).get("challenger_percent") != percent:
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("version", ["1", "2", "3"])
@pytest.mark.parametrize("body", [ROW, LONG], ids=["one row", "many rows"])
async def test_any_registered_version_answers_when_it_is_asked_for(
    client: httpx.AsyncClient, version: str, body: bytes
) -> None:
    for _ in range(2):
        response = await ask(client, body, X_Model_Version=version)
        assert response.status_code == httpx.codes.OK
        answer = response.json()
        assert (answer["version"], answer["variant"]) == (version, "pinned")
        value = answer["prediction"] if body is ROW else answer["predictions"][0]
        assert value == pytest.approx(int(version) * SUM_OF_EXAMPLE)


async def test_beside_it_the_champion_answers_as_ever(client: httpx.AsyncClient) -> None:
    await ask(client, X_Model_Version="3")
    answer = (await ask(client)).json()
    assert (answer["version"], answer["variant"]) == ("1", "champion")


@pytest.mark.parametrize("version", ["99", "0", "latest", "../1", "1" * 40])
async def test_a_version_that_is_not_registered_is_not_found(client: httpx.AsyncClient, version: str) -> None:
    response = await ask(client, X_Model_Version=version)
    assert response.status_code == httpx.codes.NOT_FOUND
    assert response.headers["content-type"] == "application/problem+json"
    assert "version" in response.json()["detail"]
    assert (await ask(client)).status_code == httpx.codes.OK


async def test_a_version_that_must_not_take_traffic_is_refused_with_its_reason(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        response = await ask(client, X_Model_Version="4")
        assert response.status_code == httpx.codes.CONFLICT
        assert "unloadable" in response.json()["detail"]


async def test_requests_for_versions_that_cannot_answer_are_counted_by_reason(client: httpx.AsyncClient) -> None:
    await ask(client, X_Model_Version="99")
    await ask(client, X_Model_Version="4")
    metrics = (await client.get("/metrics")).text
    for reason in ("version_not_found", "version_refused"):
        assert f'mlplatform_predict_rejections_total{{model="housing",reason="{reason}"}} 1.0' in metrics


async def test_with_the_registry_down_a_version_that_is_not_here_is_an_outage(
    client: httpx.AsyncClient, registry: InMemoryRegistry
) -> None:
    registry.is_up = False
    response = await ask(client, X_Model_Version="3")
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert response.headers["retry-after"]


async def test_a_bad_body_to_a_version_that_has_to_be_loaded_is_still_a_bad_body(client: httpx.AsyncClient) -> None:
    assert (await ask(client, b"{", X_Model_Version="3")).status_code == httpx.codes.BAD_REQUEST


async def test_a_subject_always_gets_the_same_variant_and_every_answer_names_it(
    client: httpx.AsyncClient, registry: InMemoryRegistry
) -> None:
    await shared(client, registry, 30)
    split = Split(b"salt", 3_000)
    for number in range(60):
        subject = f"subject-{number}"
        expected = ("2", "challenger") if split.takes(subject.encode()) else ("1", "champion")
        for body in (ROW, LONG):
            answer = (await ask(client, body, X_Subject_Id=subject)).json()
            assert (answer["version"], answer["variant"]) == expected


async def test_without_a_subject_the_request_id_decides(client: httpx.AsyncClient, registry: InMemoryRegistry) -> None:
    await shared(client, registry, 50)
    for number in range(30):
        request_id = f"request-{number:04}"
        answer = (await ask(client, X_Request_Id=request_id)).json()
        assert (answer["variant"] == "challenger") == Split(b"salt", 5_000).takes(request_id.encode())


async def test_a_challenger_that_fails_is_replaced_by_the_champion_and_counted(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> None:
    """It answers its golden row, whose first feature fits, and no other."""
    publish("2", onnx=failing_onnx())
    publish("1")
    registry.challenger = "2"
    traffic = Traffic(challenger="2", challenger_percent=100, salt="salt")
    registry.model_tags = {TRAFFIC_TAG: traffic.model_dump_json()}
    row = {**HOUSING.example, "HouseAge": 7.0}
    app = create_app(HOUSING, settings, registry, untried)
    async with app.router.lifespan_context(app), reach(app, "at once") as client:
        async with asyncio.timeout(10):
            while (await client.get("/health")).json().get("loaded") != ["1", "2"]:
                await anyio.lowlevel.checkpoint()
        good = (await ask(client)).json()
        one = (await ask(client, json.dumps(row).encode())).json()
        many = (await ask(client, json.dumps({"instances": [row, row]}).encode())).json()
        metrics = (await client.get("/metrics")).text
        evidence = (await client.get("/health")).json()["evidence"]
    assert good["variant"] == "challenger"
    assert (evidence["mark"], evidence["assigned"], evidence["failed"]) == (traffic.mark, 3, 2)
    assert (one["version"], one["variant"]) == (many["version"], many["variant"]) == ("1", "champion")
    assert 'mlplatform_challenger_fallback_total{model="housing",reason="failed"} 2.0' in metrics


def failing_onnx() -> bytes:
    """The sum of the features where the house is as old as in the golden row; of any other age it looks up what is not
    there.
    """
    model = ModelProto.FromString(regression_onnx())
    age = list(HOUSING.feature_names).index("HouseAge")
    wanted = int(HOUSING.example["HouseAge"])
    model.graph.node[0].output[0] = "sum"
    model.graph.initializer.extend(
        [
            helper.make_tensor("age", 7, [1], [age]),
            helper.make_tensor("wanted", 11, [1], [float(wanted)]),
            helper.make_tensor("table", 11, [1], [0.0]),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("Gather", ["features", "age"], ["ages"], axis=1),
            helper.make_node("Sub", ["ages", "wanted"], ["offset"]),
            helper.make_node("Abs", ["offset"], ["distance"]),
            helper.make_node("Cast", ["distance"], ["place"], to=7),
            helper.make_node("Gather", ["table", "place"], ["nothing"], axis=0),
            helper.make_node("Add", ["sum", "nothing"], ["prediction"]),
        ]
    )
    return bytes(model.SerializeToString())


async def test_a_challenger_that_is_not_loaded_yet_is_replaced_by_the_champion_and_counted(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2", onnx=b"not onnx")
    publish("1")
    registry.challenger = "2"
    traffic = Traffic(challenger="2", challenger_percent=100, salt="salt")
    registry.model_tags = {TRAFFIC_TAG: traffic.model_dump_json()}
    app = create_app(HOUSING, settings, registry, untried)
    async with app.router.lifespan_context(app), reach(app, "at once") as client:
        await until_ready(client)
        answer = (await ask(client)).json()
        metrics = (await client.get("/metrics")).text
        evidence = (await client.get("/health")).json()["evidence"]
    assert (answer["version"], answer["variant"]) == ("1", "champion")
    assert 'mlplatform_challenger_fallback_total{model="housing",reason="not_loaded"} 1.0' in metrics
    assert (evidence["assigned"], evidence["failed"]) == (0, 0)


class NeverLoads:
    """Versions that are under way for ever."""

    async def get(self, _version: str) -> None:
        await asyncio.Event().wait()


async def test_few_may_wait_for_versions_to_be_loaded_and_not_for_ever() -> None:
    on_demand = OnDemand(HOUSING, NeverLoads(), patience_seconds=0.2)  # type: ignore[arg-type] # one method is used
    outcomes = await asyncio.gather(*(on_demand.bring(str(number)) for number in range(1, 8)), return_exceptions=True)
    assert all(isinstance(outcome, Overloaded) for outcome in outcomes)
    assert ["too many" in str(outcome) for outcome in outcomes] == [False] * 4 + [True] * 3
    with pytest.raises(ModelVersionNotFound):
        await on_demand.bring("champion")


class OneByOne:
    """Versions that come when they may; counts how many are under way."""

    def __init__(self) -> None:
        self.may_come = asyncio.Event()
        self.under_way = self.most = 0

    async def get(self, version: str) -> LiveModel:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.may_come.wait()
        self.under_way -= 1
        return live(version, regression_onnx())


async def test_one_that_takes_longer_than_anybody_waits_still_keeps_its_turn() -> None:
    versions = OneByOne()
    on_demand = OnDemand(HOUSING, versions, patience_seconds=0.05)  # type: ignore[arg-type] # one method is used
    for version in ("1", "2", "1"):
        with pytest.raises(Overloaded):
            await on_demand.bring(version)
    assert versions.most == 1
    versions.may_come.set()
    assert [(await on_demand.bring(version)).version for version in ("1", "2")] == ["1", "2"]
    assert versions.most == 1


async def test_the_shadow_gets_a_copy_of_what_the_champion_answers_and_nobody_sees_it(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("2", weight=2.0)
    publish("1")
    registry.challenger = "2"
    traffic = Traffic(challenger="2", challenger_percent=0, shadow=True, salt="salt")
    registry.model_tags = {TRAFFIC_TAG: traffic.model_dump_json()}
    pairs: list[Pair] = []
    app = create_app(HOUSING, settings, registry, untried, pairs.append)
    async with app.router.lifespan_context(app), reach(app, "at once") as client:
        async with asyncio.timeout(10):
            while (await client.get("/health")).json().get("loaded") != ["1", "2"]:
                await anyio.lowlevel.checkpoint()
        answers = [(await ask(client, body)).json() for body in (ROW, LONG)]
        await ask(client, X_Model_Version="2")
        async with asyncio.timeout(10):
            while len(pairs) < 2:
                await anyio.lowlevel.checkpoint()
    assert [answer["variant"] for answer in answers] == ["champion", "champion"]
    assert [pair.prediction_id for pair in pairs] == [answer["prediction_id"] for answer in answers]
    assert pairs[0].champion.predictions == [answers[0]["prediction"]]
    assert pairs[0].challenger.predictions == pytest.approx([2 * SUM_OF_EXAMPLE])


async def test_a_version_that_made_room_for_others_is_told_of_no_more_after_a_while(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> None:
    for version in ("5", "4", "3", "2", "1"):
        publish(version)
    app = create_app(HOUSING, settings.model_copy(update={"max_loaded_versions": 3}), registry, untried)
    time = 0.0
    app.state.metrics.answers._now = lambda: time
    async with app.router.lifespan_context(app), reach(app, "asgi") as client:
        await until_ready(client)

        async def told() -> set[str]:
            return set(re.findall(r'predictions_total\{.*version="(\d)"\}', (await client.get("/metrics")).text))

        for version in ("2", "3", "4", "5"):
            assert (await client.post(PATH, content=ROW, headers={"X-Model-Version": version})).status_code == 200
        assert await told() == {"1", "2", "3", "4", "5"}
        time = 600.0
        assert sorted(await told()) == (await client.get("/health")).json()["loaded"] == ["1", "4", "5"]


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "1" * 10, "7" * 400, "7" * 5_000, "x"])
async def test_a_number_that_no_version_can_have_is_not_asked_of_the_registry(version: str) -> None:
    on_demand = OnDemand(HOUSING, NeverLoads(), patience_seconds=0.2)  # type: ignore[arg-type] # one method is used
    with pytest.raises(ModelVersionNotFound, match="takes the number of a version"):
        await on_demand.bring(version)
