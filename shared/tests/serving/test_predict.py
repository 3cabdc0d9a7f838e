import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from shared.tests.conftest import SUM_OF_EXAMPLE, Publish
from shared.tests.serving.conftest import until_ready

from mlplatform.contracts import HOUSING, IRIS
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings
from mlplatform.testing import InMemoryRegistry, untried

pytestmark = pytest.mark.anyio

ROW = dict(HOUSING.example)


async def predict(client: httpx.AsyncClient, body: object) -> httpx.Response:
    return await client.post("/predict", content=body if isinstance(body, bytes) else json.dumps(body))


async def test_one_object_gets_one_prediction_with_its_provenance(predictor: httpx.AsyncClient) -> None:
    response = await predict(predictor, ROW)
    assert response.status_code == httpx.codes.OK
    body = response.json()
    assert UUID(body.pop("prediction_id")).version == 7
    assert body.pop("prediction") == pytest.approx(SUM_OF_EXAMPLE)
    assert body == {"unit": "100k USD", "model": "housing", "version": "1", "variant": "champion", "warnings": []}


async def test_many_rows_get_their_predictions_in_order(predictor: httpx.AsyncClient) -> None:
    rows = [{**ROW, "Population": float(n)} for n in range(100)]
    body = (await predict(predictor, {"instances": rows})).json()
    assert body["predictions"] == pytest.approx([sum(row.values()) for row in rows])
    assert "prediction" not in body


async def test_a_body_large_enough_for_a_thread_is_answered_alike(predictor: httpx.AsyncClient) -> None:
    rows = [ROW] * 100
    padded = json.dumps({"instances": rows}, indent=8).encode()
    assert len(padded) > 16 * 1024
    assert (await predict(predictor, padded)).json()["predictions"] == pytest.approx([SUM_OF_EXAMPLE] * 100)


async def test_what_training_never_saw_is_answered_with_a_warning(predictor: httpx.AsyncClient) -> None:
    response = await predict(predictor, {**ROW, "HouseAge": 99.0})
    assert response.status_code == httpx.codes.OK
    assert response.json()["warnings"] == [
        {
            "field": "HouseAge",
            "message": "outside what version 1 saw in training, 40 to 42",
            "trained_on": [40.0, 42.0],
        }
    ]


async def test_of_many_rows_a_warning_counts_those_outside(predictor: httpx.AsyncClient) -> None:
    rows = [ROW, {**ROW, "HouseAge": 99.0}, {**ROW, "HouseAge": 98.0}]
    [warning] = (await predict(predictor, {"instances": rows})).json()["warnings"]
    assert (warning["field"], warning["rows"], warning["first_row"]) == ("HouseAge", 2, 1)


async def test_every_offending_field_of_every_row_is_named(predictor: httpx.AsyncClient) -> None:
    response = await predict(predictor, {"instances": [ROW, {**ROW, "Latitude": 200, "Population": -1}]})
    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["path"] for error in response.json()["errors"]] == [
        ["instances", 1, "Population"],
        ["instances", 1, "Latitude"],
    ]


async def test_the_list_of_errors_is_bounded(predictor: httpx.AsyncClient) -> None:
    problem = (await predict(predictor, {"instances": [{}] * 100})).json()
    assert len(problem["errors"]) == 100
    assert "800 place(s)" in problem["detail"]


async def test_a_problem_never_echoes_the_input(predictor: httpx.AsyncClient) -> None:
    assert "secret" not in (await predict(predictor, {**ROW, "MedInc": "secret"})).text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b"[" * 10_000, 400),
        (b'{"instances": []}', 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"instances": {}}', 422),
        (b'{"instances": [], "more": 1}', 422),
        (json.dumps({"instances": [ROW] * 101}).encode(), 413),
        (b" " * (64 * 1024 + 1), 413),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else str(value),
)
async def test_a_bad_body_gets_a_precise_problem(predictor: httpx.AsyncClient, body: bytes, status: int) -> None:
    response = await predict(predictor, body)
    assert response.status_code == status
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"] == "/predict"
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_bad_json_is_told_by_line_and_column(predictor: httpx.AsyncClient) -> None:
    assert "line 1 column 12" in (await predict(predictor, b'{"MedInc": }')).json()["detail"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_told_which_is_allowed(predictor: httpx.AsyncClient, method: str) -> None:
    response = await predictor.request(method, "/predict")
    assert response.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert response.headers["allow"] == "POST"


async def test_requests_rows_and_warnings_are_counted(predictor: httpx.AsyncClient) -> None:
    await predict(predictor, {"instances": [ROW, {**ROW, "HouseAge": 99.0}]})
    await predict(predictor, b"{")
    metrics = (await predictor.get("/metrics")).text
    assert 'mlplatform_predict_request_duration_seconds_count{model="housing",outcome="ok"} 1.0' in metrics
    assert 'mlplatform_predict_request_duration_seconds_count{model="housing",outcome="invalid"} 1.0' in metrics
    assert 'mlplatform_predictions_total{model="housing",variant="champion",version="1"} 2.0' in metrics
    assert 'mlplatform_prediction_warnings_total{feature="HouseAge",model="housing"} 1.0' in metrics
    assert 'mlplatform_model_version_info{model="housing",version="1"} 1.0' in metrics


@pytest.fixture
async def iris(
    settings: PredictorSettings, registry: InMemoryRegistry, publish: Publish
) -> AsyncIterator[httpx.AsyncClient]:
    publish("1", contract=IRIS)
    app = create_app(IRIS, settings, registry, untried)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://predictor") as client,
    ):
        await until_ready(client)
        yield client


async def test_a_classification_answers_label_and_probabilities(iris: httpx.AsyncClient) -> None:
    body = (await predict(iris, dict(IRIS.example))).json()
    assert body["prediction"] == "setosa"
    assert body["probabilities"] == {"setosa": 0.5, "versicolor": 0.3, "virginica": 0.2}
    assert "unit" not in body


async def test_many_flowers_get_a_label_and_probabilities_each(iris: httpx.AsyncClient) -> None:
    body = (await predict(iris, {"instances": [dict(IRIS.example)] * 3})).json()
    assert body["predictions"] == ["setosa"] * 3
    assert body["probabilities"] == [{"setosa": 0.5, "versicolor": 0.3, "virginica": 0.2}] * 3
