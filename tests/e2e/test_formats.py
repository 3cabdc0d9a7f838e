"""Bulk scoring through the gateway: the same rows in every format get the same answers."""

import csv
import io
import json

import httpx
import numpy as np
import pyarrow as pa
import pytest

from mlplatform.contracts import HOUSING

ARROW = "application/vnd.apache.arrow.stream"
ROWS = [{name: value * (1 - n / 5_000) for name, value in HOUSING.example.items()} for n in range(500)]


def post(client: httpx.Client, content: bytes, content_type: str, accept: str = "*/*") -> httpx.Response:
    return client.post("/predict/housing", content=content, headers={"Content-Type": content_type, "Accept": accept})


def as_csv() -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(HOUSING.feature_names))
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def as_arrow() -> bytes:
    table, sink = pa.Table.from_pylist(ROWS), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@pytest.fixture
def expected(client: httpx.Client) -> list[float]:
    body = json.dumps({"instances": ROWS}).encode()
    return list(post(client, body, "application/json").json()["predictions"])


def test_csv_is_answered_in_csv(client: httpx.Client, expected: list[float]) -> None:
    response = post(client, as_csv(), "text/csv")
    assert response.headers["content-type"] == "text/csv"
    answers = [float(row["prediction"]) for row in csv.DictReader(io.StringIO(response.text))]
    np.testing.assert_allclose(answers, expected, rtol=1e-6)
    assert response.headers["x-model-version"]
    assert response.headers["x-prediction-id"]


def test_lines_of_json_are_answered_in_lines_of_json(client: httpx.Client, expected: list[float]) -> None:
    response = post(client, b"\n".join(json.dumps(row).encode() for row in ROWS), "application/x-ndjson")
    assert [json.loads(line)["prediction"] for line in response.text.splitlines()] == expected


def test_arrow_is_answered_in_arrow(client: httpx.Client, expected: list[float]) -> None:
    response = post(client, as_arrow(), ARROW)
    assert response.headers["content-type"] == ARROW
    assert pa.ipc.open_stream(response.content).read_all()["prediction"].to_pylist() == expected


def test_the_client_may_ask_for_another_format_than_it_sent(client: httpx.Client, expected: list[float]) -> None:
    response = post(client, as_csv(), "text/csv", "application/json")
    np.testing.assert_allclose(response.json()["predictions"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [("application/xml", "*/*", 415), ("application/json", "image/png", 406), ("text/csv", "*/*", 400)],
)
def test_what_is_not_agreed_is_a_problem(client: httpx.Client, content_type: str, accept: str, status: int) -> None:
    response = post(client, b"", content_type, accept)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_compressed_body_is_refused_unopened(client: httpx.Client) -> None:
    response = client.post("/predict/housing", content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert response.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
