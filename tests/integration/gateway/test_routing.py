"""What is public, where it goes, and what the services see of a request."""

import pytest

from tests.helpers.gateway import Gateway
from tests.helpers.stub_service import StubService

ROW = {"any": 1}


@pytest.mark.parametrize("model", ["housing", "iris"])
@pytest.mark.usefixtures("services")
def test_a_prediction_goes_to_its_predictor(gateway: Gateway, model: str) -> None:
    answer = gateway.client.post(f"/predict/{model}?trace=1", json=ROW)

    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["service"], seen["method"]) == (f"{model}-predictor", "POST")
    assert seen["path"] == "/predict?trace=1"


@pytest.mark.parametrize(
    "path",
    [
        "/retrain",
        "/retrain/0190-abc",
        "/retrain/0190-abc/events?from=3",
        "/models",
        "/models/iris/versions/3",
        "/models/iris/history?at=2026-11-22T12:00:00Z",
    ],
)
@pytest.mark.usefixtures("services")
def test_everything_about_retraining_and_models_goes_to_the_trainer_as_it_is(gateway: Gateway, path: str) -> None:
    seen = gateway.client.get(path).json()

    assert (seen["service"], seen["path"]) == ("trainer", path)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.usefixtures("services")
def test_the_trainer_decides_which_methods_it_takes(gateway: Gateway, method: str) -> None:
    assert gateway.client.request(method, "/retrain/1").json()["method"] == method


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/predict",
        "/predict/",
        "/predict/wine",
        "/predict/housing/",
        "/predict/housing;x",
        "/Predict/Housing",
        "//predict/housing",
        "/predict//housing",
        "/%2Fpredict/housing",
        "/predict/housing%00x",
        "/retrained",
        "/modelsx",
        "/models/../metrics",
        "/retrain/../metrics",
        "/retrain/%2e%2e/metrics",
        "/retrain/..%2fmetrics",
        "/health/live",
        "/healthz",
        "/-/problem",
        "/-/health/trainer",
        "/%2d/health/trainer",
    ],
)
@pytest.mark.usefixtures("services")
def test_nothing_else_is_public_in_any_spelling(gateway: Gateway, path: str) -> None:
    answer = gateway.raw(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert answer.split(b" ")[1] in {b"404", b"400"}
    assert b"application/problem+json" in answer


@pytest.mark.usefixtures("services")
def test_an_absolute_address_is_routed_by_its_path(gateway: Gateway) -> None:
    answer = gateway.raw(b"GET http://elsewhere/metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.usefixtures("services")
def test_the_services_see_who_asked_and_not_what_the_client_claims(gateway: Gateway) -> None:
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
    }

    headers = gateway.client.post("/predict/iris", json=ROW, headers=claims).json()["headers"]

    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == headers["host"] == f"127.0.0.1:{gateway.settings.gateway_port}"
    assert not {"forwarded", "x-real-ip"} & headers.keys()


@pytest.mark.usefixtures("services")
def test_an_old_client_that_names_no_host_is_served(gateway: Gateway) -> None:
    answer = gateway.raw(b"GET /retrain HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("services")
def test_trace_context_passes(gateway: Gateway) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    headers = gateway.client.post("/predict/iris", json=ROW, headers={"traceparent": parent}).json()["headers"]

    assert headers["traceparent"] == parent


@pytest.mark.usefixtures("services")
def test_a_body_of_ten_thousand_rows_passes(gateway: Gateway) -> None:
    seen = gateway.client.post("/predict/housing", content=b" " * 3_000_000).json()

    assert seen["body_bytes"] == 3_000_000


@pytest.mark.usefixtures("services")
def test_every_answer_carries_the_security_headers(gateway: Gateway) -> None:
    for answer in (gateway.client.post("/predict/iris", json=ROW), gateway.client.get("/nowhere")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "nginx"


def test_a_page_that_a_service_makes_says_itself_what_it_consists_of(
    gateway: Gateway, services: dict[str, StubService]
) -> None:
    own = "default-src 'none'; style-src 'sha256-abc='; frame-ancestors 'none'"
    services["trainer"].headers["Content-Security-Policy"] = own

    page = gateway.client.get("/models/iris/versions/1/card.html")
    other = gateway.client.post("/predict/iris", json=ROW)

    assert page.headers.get_list("Content-Security-Policy") == [own]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert other.headers.get_list("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"]
