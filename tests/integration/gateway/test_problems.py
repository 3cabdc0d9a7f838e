"""The gateway's own errors are problem details."""

import json

import pytest

from tests.helpers.gateway import Gateway
from tests.helpers.stub_service import StubService

ROW = {"any": 1}


def test_an_error_says_what_happened_where_and_under_which_id(gateway: Gateway) -> None:
    answer = gateway.client.get("/nowhere?secret=1", headers={"X-Request-ID": "request-1"})

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing is served at this path.",
        "instance": "/nowhere",
        "request_id": "request-1",
    }


def test_a_dead_service_is_a_bad_gateway(gateway: Gateway) -> None:
    answer = gateway.client.post("/predict/housing", json=ROW)

    assert (answer.status_code, answer.json()["title"]) == (502, "Bad Gateway")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_service_that_comes_back_is_used_at_once(gateway: Gateway) -> None:
    assert gateway.client.post("/predict/housing", json=ROW).status_code == 502

    with gateway.service("housing-predictor"):
        assert gateway.client.post("/predict/housing", json=ROW).status_code == 200


def test_a_service_keeps_its_own_errors(gateway: Gateway, services: dict[str, StubService]) -> None:
    services["iris-predictor"].answers["/predict"] = (503, {"title": "Model not ready"})

    answer = gateway.client.post("/predict/iris", json=ROW)

    assert (answer.status_code, answer.json()) == (503, {"title": "Model not ready"})


@pytest.mark.parametrize("path", ["/predict/iris", "/predict/housing"])
@pytest.mark.usefixtures("services")
def test_a_wrong_method_is_told_the_right_one(gateway: Gateway, path: str) -> None:
    answer = gateway.client.get(path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["status"] == 405


@pytest.mark.usefixtures("services")
def test_health_is_only_read(gateway: Gateway) -> None:
    answer = gateway.client.post("/health")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.usefixtures("services")
def test_too_large_a_body_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    head = f"POST /predict/iris HTTP/1.1\r\nHost: x\r\nContent-Length: {17 << 20}\r\n\r\n"

    assert _problem(gateway.raw(head.encode())) == (413, "Content Too Large")


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET /a b c HTTP/1.1\r\nHost: x\r\n\r\n", (400, "Bad Request")),
        (b"GET /predict%00 HTTP/1.1\r\nHost: x\r\n\r\n", (400, "Bad Request")),
        (b"GET /health HTTP/1.1\r\n\r\n", (400, "Bad Request")),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", (400, "Bad Request")),
        (
            b"POST /retrain HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            (400, "Bad Request"),
        ),
        (b"POST /predict/iris HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", (501, "Not Implemented")),
        (b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", (505, "HTTP Version Not Supported")),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (414, "URI Too Long")),
        (
            b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n",
            (431, "Request Header Fields Too Large"),
        ),
    ],
)
@pytest.mark.usefixtures("services")
def test_what_is_no_proper_request_is_refused_in_the_same_shape(
    gateway: Gateway, request_bytes: bytes, expected: tuple[int, str]
) -> None:
    assert _problem(gateway.raw(request_bytes)) == expected


def _problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert b"application/problem+json" in head
    assert head.split(b" ")[1].decode() == str(problem["status"])
    assert problem["request_id"]
    return problem["status"], problem["title"]
