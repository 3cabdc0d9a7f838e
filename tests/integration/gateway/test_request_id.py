"""One id for each request: in the answer, at the service and in the log."""

import re
from uuid import uuid4

import pytest

from deploy.local.settings import ROOT
from tests.helpers.gateway import Gateway
from tests.helpers.waiting import wait_until

ROW = {"any": 1}


@pytest.mark.usefixtures("services")
def test_a_good_id_of_the_client_is_kept(gateway: Gateway) -> None:
    request_id = str(uuid4())

    answer = gateway.client.post("/predict/iris", json=ROW, headers={"X-Request-ID": request_id})

    assert answer.headers.get_list("X-Request-ID") == [request_id]
    assert answer.json()["headers"]["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["short", "x" * 65, "with space", 'quote"quote', "a;b=c-d-e", "", "x" * 7000])
@pytest.mark.usefixtures("services")
def test_a_bad_id_of_the_client_is_replaced(gateway: Gateway, request_id: str) -> None:
    answer = gateway.client.post("/predict/iris", json=ROW, headers={"X-Request-ID": request_id})

    given = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert answer.json()["headers"]["x-request-id"] == given


@pytest.mark.usefixtures("services")
def test_the_log_has_one_line_of_json_for_each_request(gateway: Gateway) -> None:
    request_id = str(uuid4())
    gateway.client.post("/predict/iris?a=%22b", json=ROW, headers={"X-Request-ID": request_id})

    wait_until(lambda: any(line["request_id"] == request_id for line in gateway.log_lines()))

    (line,) = [line for line in gateway.log_lines() if line["request_id"] == request_id]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict/iris?a=%22b", 200)
    assert line["upstream"] == f"127.0.0.1:{gateway.settings.ports['iris-predictor']}"
    assert line["bytes"] > 0
    assert line["duration_seconds"] >= 0


def test_the_log_names_the_method_of_a_request_that_failed(gateway: Gateway) -> None:
    request_id = str(uuid4())
    gateway.client.post("/nowhere", json=ROW, headers={"X-Request-ID": request_id})

    wait_until(lambda: any(line["request_id"] == request_id for line in gateway.log_lines()))

    (line,) = [line for line in gateway.log_lines() if line["request_id"] == request_id]
    assert (line["method"], line["status"]) == ("POST", 404)


def test_no_location_drops_the_headers_by_adding_its_own() -> None:
    template = (ROOT / "services/gateway/templates/nginx.conf.template").read_text()

    assert "add_header" not in template[template.index("server {") :]
