"""What the gateway counts, on a port of its own."""

import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest

from tests.helpers.exposed import documented, exposed
from tests.helpers.gateway import Gateway
from tests.helpers.waiting import wait_until

REQUESTS = "mlplatform_gateway_requests_total"
DURATION = "mlplatform_gateway_prediction_duration_seconds"


def counts(gateway: Gateway, path: str = "/metrics") -> Mapping[str, float]:
    answer = httpx.get(gateway.settings.url("gateway-internal") + path, trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    return {series: float(value) for series, value in samples}


def requests(route: str, code: str) -> str:
    model = route.removeprefix("/predict/") if route.startswith("/predict/") else ""
    return f'{REQUESTS}{{route="{route}",model="{model}",code="{code}"}}'


@pytest.mark.usefixtures("services")
def test_requests_are_counted_by_route_and_class_of_status_exactly(gateway: Gateway) -> None:
    before = counts(gateway)
    for _ in range(30):
        gateway.client.post("/predict/iris", json={})
    for _ in range(7):
        gateway.client.get("/predict/iris")
    gateway.client.get("/retrain/some-job")
    wanted = {("/predict/iris", "2xx"): 30, ("/predict/iris", "4xx"): 7, ("/retrain", "2xx"): 1}

    def added() -> dict[tuple[str, str], float]:
        now = counts(gateway)
        return {key: now[requests(*key)] - before[requests(*key)] for key in wanted}

    wait_until(lambda: added() == wanted, what="every request counted")


def test_what_reaches_no_service_counts_against_its_route(gateway: Gateway) -> None:
    before = counts(gateway)[requests("/predict/housing", "5xx")]
    assert gateway.client.post("/predict/housing", json={}).status_code == 502
    wait_until(lambda: counts(gateway)[requests("/predict/housing", "5xx")] == before + 1, what="the failure counted")


@pytest.mark.usefixtures("services")
def test_predictions_are_timed_by_the_size_of_their_body(gateway: Gateway) -> None:
    before = counts(gateway)
    gateway.client.post("/predict/iris", content=b"x" * 512)
    gateway.client.post("/predict/iris", content=b"x" * 513)
    gateway.client.post("/predict/iris", content=(chunk for chunk in [b"x"]))  # of a length that only nginx knows

    def added(size: str) -> float:
        series = f'{DURATION}_count{{model="iris",size="{size}"}}'
        return counts(gateway)[series] - before[series]

    wait_until(lambda: (added("short"), added("long")) == (2, 1), what="each timed")
    bounds = [
        value for series, value in counts(gateway).items() if f'{DURATION}_bucket{{model="iris",size="short"' in series
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1] == counts(gateway)[f'{DURATION}_count{{model="iris",size="short"}}']


def within(model: str, bound: str) -> str:
    return f'{DURATION}_bucket{{model="{model}",size="short",le="{bound}"}}'


def test_a_client_that_gives_up_on_a_service_that_hangs_has_waited_too_long(gateway: Gateway) -> None:
    before = counts(gateway)
    with socket.create_server(("127.0.0.1", gateway.settings.ports["iris-predictor"])):
        with pytest.raises(httpx.ReadTimeout):
            gateway.client.post("/predict/iris", json={}, timeout=0.2)
        gave_up = requests("/predict/iris", "499")
        wait_until(lambda: counts(gateway)[gave_up] == before[gave_up] + 1, what="it was counted")
    now = counts(gateway)
    assert now[within("iris", "0.1")] == before[within("iris", "0.1")]
    assert now[within("iris", "+Inf")] == before[within("iris", "+Inf")] + 1
    assert now[requests("/predict/iris", "4xx")] == before[requests("/predict/iris", "4xx")]


def test_a_client_that_gives_up_at_once_says_nothing_about_the_service(gateway: Gateway) -> None:
    before = counts(gateway)
    minute = gateway.log.parent / "gateway" / f"counts-{datetime.now(UTC).minute % 2}.log"
    with minute.open("a") as lines:  # as nginx writes them, with times to the millisecond
        lines.write("".join(f"/predict/iris 499 {seconds} 2\n" for seconds in ("0.001", "0.049", "0.050", "0.051")))
    gave_up = requests("/predict/iris", "499")
    wait_until(lambda: counts(gateway)[gave_up] == before[gave_up] + 4, what="all were counted")
    now = counts(gateway)
    assert now[within("iris", "0.05")] == before[within("iris", "0.05")]
    assert now[within("iris", "0.1")] == before[within("iris", "0.1")] + 2


def test_nothing_that_a_client_sends_makes_a_series(gateway: Gateway) -> None:
    before = counts(gateway).keys()
    for number in range(100):
        gateway.client.request(
            f"M{number}", f"/predict/{number}%00?x={number}", headers={"X-Request-ID": f"id-{number}"}
        )
    gateway.raw(b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert counts(gateway).keys() == before


def test_the_alias_says_the_same_and_clients_see_neither(gateway: Gateway) -> None:
    assert counts(gateway, "/metrics/prometheus").keys() == counts(gateway).keys()
    assert gateway.client.get("/metrics").status_code == 404


def test_every_series_begins_at_zero(gateway: Gateway) -> None:
    samples = counts(gateway)
    for model in ("housing", "iris"):
        for code in ("2xx", "3xx", "4xx", "499", "5xx"):
            assert requests(f"/predict/{model}", code) in samples
        assert f'{DURATION}_count{{model="{model}",size="short"}}' in samples


class TestTraceContext:
    """One trace for a request, from the first that knows it."""

    GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @pytest.mark.usefixtures("services")
    def test_a_clients_trace_goes_on(self, gateway: Gateway) -> None:
        answer = gateway.client.post("/predict/iris", json={}, headers={"traceparent": self.GIVEN})
        assert answer.json()["headers"]["traceparent"] == self.GIVEN
        trace = self.GIVEN.split("-")[1]
        wait_until(lambda: any(line["trace_id"] == trace for line in gateway.log_lines()), what="it is in the log")

    @pytest.mark.parametrize(
        "given", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", GIVEN.upper(), GIVEN + "-more", "x" * 5000]
    )
    @pytest.mark.usefixtures("services")
    def test_without_a_good_one_it_begins_here(self, gateway: Gateway, given: str) -> None:
        seen = gateway.client.post("/predict/iris", json={}, headers={"traceparent": given}).json()["headers"]
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", seen["traceparent"])
        assert seen["traceparent"].split("-")[1] == seen["x-request-id"]


def test_the_document_lists_what_is_exposed_and_nothing_else(gateway: Gateway) -> None:
    answer = httpx.get(gateway.settings.url("gateway-internal") + "/metrics", trust_env=False)
    told = {name: facts for name, facts in documented().items() if name.startswith("mlplatform_gateway_")}
    assert exposed([answer.text]) == told
