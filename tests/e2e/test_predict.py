import json
from uuid import UUID

import httpx
import pytest

from mlplatform.contracts import CONTRACTS, HOUSING, IRIS, Contract

contracts = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())


def predict(client: httpx.Client, contract: Contract, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/predict/{contract.model}", content=content, headers={"Content-Type": "application/json"})


def test_a_house_gets_a_price_with_its_provenance(client: httpx.Client) -> None:
    body = predict(client, HOUSING, dict(HOUSING.example)).json()
    assert 3.5 < body["prediction"] < 5.0
    assert (body["unit"], body["model"], body["variant"], body["warnings"]) == ("100k USD", "housing", "champion", [])
    assert int(body["version"]) >= 1
    assert UUID(body["prediction_id"]).version == 7


def test_a_flower_gets_its_species_and_probabilities(client: httpx.Client) -> None:
    body = predict(client, IRIS, dict(IRIS.example)).json()
    assert body["prediction"] == "setosa"
    assert sum(body["probabilities"].values()) == pytest.approx(1)
    assert body["probabilities"]["setosa"] > 0.9


@contracts
@pytest.mark.parametrize("rows", [1, 2, 10_000])
def test_many_rows_get_as_many_predictions(client: httpx.Client, contract: Contract, rows: int) -> None:
    response = predict(client, contract, {"instances": [dict(contract.example)] * rows})
    assert response.status_code == httpx.codes.OK
    predictions = response.json()["predictions"]
    assert len(predictions) == rows
    assert len(set(predictions)) == 1


@contracts
def test_rows_are_answered_in_the_order_asked_and_as_if_alone(client: httpx.Client, contract: Contract) -> None:
    rows = [{name: value * factor for name, value in contract.example.items()} for factor in (0.5, 0.9, 0.7, 1.0)]
    together = predict(client, contract, {"instances": rows}).json()["predictions"]
    alone = [predict(client, contract, row).json()["prediction"] for row in rows]
    assert together == alone


@contracts
@pytest.mark.parametrize(("rows", "status"), [(0, 422), (10_001, 413)])
def test_too_few_and_too_many_rows_are_refused(
    client: httpx.Client, contract: Contract, rows: int, status: int
) -> None:
    assert predict(client, contract, {"instances": [dict(contract.example)] * rows}).status_code == status


def broken(contract: Contract, value: str) -> bytes:
    name = contract.feature_names[0]
    return json.dumps({**contract.example, name: "@"}).replace('"@"', value).encode()


@contracts
@pytest.mark.parametrize("value", ["-1", "1e308", "1e400", "NaN", "Infinity", '"5"', "true", "null", "[]"])
def test_what_cannot_be_is_refused_by_the_name_of_its_field(
    client: httpx.Client, contract: Contract, value: str
) -> None:
    response = predict(client, contract, broken(contract, value))
    assert response.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert [error["path"] for error in response.json()["errors"]] == [[contract.feature_names[0]]]


def test_every_offending_field_is_named_at_once(client: httpx.Client) -> None:
    response = predict(client, HOUSING, {**HOUSING.example, "Latitude": 200, "Population": -5, "Colour": 1})
    assert [error["path"] for error in response.json()["errors"]] == [["Population"], ["Latitude"], ["Colour"]]


@contracts
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 50_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b" " * 17_000_000, 413),
    ],
    ids=["empty", "cut", "no UTF-8", "nested", "a list", "no fields", "17 MB"],
)
def test_a_bad_body_gets_a_problem_document(client: httpx.Client, contract: Contract, body: bytes, status: int) -> None:
    response = predict(client, contract, body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["request_id"]) == (status, response.headers["x-request-id"])


@contracts
def test_what_training_never_saw_is_answered_with_a_warning(client: httpx.Client, contract: Contract) -> None:
    name = contract.feature_names[0]
    response = predict(client, contract, {**contract.example, name: 90.0})
    assert response.status_code == httpx.codes.OK
    assert [warning["field"] for warning in response.json()["warnings"]] == [name]


def test_a_get_is_told_to_post(client: httpx.Client) -> None:
    response = client.get("/predict/housing")
    assert response.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert response.headers["allow"] == "POST"
