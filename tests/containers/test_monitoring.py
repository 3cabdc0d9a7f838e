"""What Prometheus sees of the stack is true and whole, and the right alert reaches whoever should know."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from docker.models.containers import Container

from tests.helpers import hostile
from tests.helpers.compose import BODIES, Stack, say
from tests.helpers.exposed import documented
from tests.helpers.expressions import metrics_in, of_dashboards, of_rules, of_runbooks, selectors_in
from tests.helpers.prometheus import Prometheus, Receiver, inhibited
from tests.helpers.steady_load import SteadyLoad
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

ALERTS = {name for name, _ in of_rules() if ":" not in name}
OURS = ["gateway", "housing-predictor", "iris-predictor", "trainer", "trainer-worker", "trainer-upkeep", "trainer-beat"]
# They log in JSON, too, in words of their own; Redis and Postgres do not.
OTHERS = ["prometheus", "alertmanager", "redis-exporter", "nginx-exporter"]
# Expressions without data in a stack that is well, each with its reason.
WITHOUT_DATA = {
    "Infrastructure / nginx: connections": "nginx may be built without the module that its exporter reads",
    "annotation / Promotions and rollbacks": "there are some only in the minute after one",
    "annotation / Processes started": "there are some only in the minute after one",
}


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    prometheus = Prometheus(f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}")
    wait_until(
        lambda: {s["metric"]["job"] for s in prometheus.query("up == 1")} >= {*OURS, "redis", "alertmanager"},
        within_seconds=60,
        what="every target is up",
        every=1,
    )
    return prometheus


@pytest.fixture(scope="module")
def receiver(stack: Stack) -> Iterator[Receiver]:
    receiver = Receiver(stack)
    yield receiver
    receiver.remove()


@pytest.fixture
def calm(prometheus: Prometheus) -> None:
    """No page fires any more for what was before."""
    wait_until(lambda: not prometheus.firing(), within_seconds=120, what="no page fires", every=1)


def predict(client: httpx.Client, model: str, **headers: str) -> httpx.Response:
    return client.post(
        f"/predict/{model}", content=BODIES[model], headers={"Content-Type": "application/json", **headers}
    )


def lines_of(container: Container, since: float = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in container.logs(since=int(since) or None).decode().splitlines()]


def gateway_line(stack: Stack, request_id: str) -> dict[str, Any]:
    """The one line of a request in the gateway's log, which is written by the page."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines_of(stack.the("gateway")) if line.get("request_id") == request_id]

    wait_until(lambda: bool(found()), within_seconds=5, what="the gateway's line")
    [line] = found()
    return line


def test_one_retraining_can_be_followed_by_its_ids(stack: Stack, client: httpx.Client) -> None:
    """And makes the figures that the next tests look for."""
    asked = client.post("/retrain", json={"model": "iris"}, headers={"X-Request-ID": "follow-this-retraining"})
    assert asked.status_code == 202
    where = asked.headers["Location"]
    wait_until(lambda: bool(client.get(where).json()["finished_at"]), within_seconds=240, what="its end", every=1)
    job = client.get(where).json()
    at_gateway = gateway_line(stack, "follow-this-retraining")
    (accepted,) = [line for line in lines_of(stack.the("trainer")) if line.get("job") == job["id"]]
    assert accepted["request_id"] == "follow-this-retraining"
    assert accepted["trace_id"] == at_gateway["trace_id"]
    at_work = [line for line in lines_of(stack.the("trainer-worker")) if line.get("job") == job["id"]]
    assert {line["event"] for line in at_work} >= {"training begins", "training"}
    assert all(line["model"] == "iris" for line in at_work)
    assert {line["trace_id"] for line in at_work} == {at_gateway["trace_id"]}
    run = httpx.get(
        f"http://127.0.0.1:{stack.ports['MLFLOW_PORT']}/api/2.0/mlflow/runs/get",
        params={"run_id": job["run_id"]},
        trust_env=False,
    )
    assert run.json()["run"]["info"]["status"] == "FINISHED"


@pytest.mark.usefixtures("prometheus")
def test_every_line_of_our_containers_is_json_with_an_event(stack: Stack, client: httpx.Client) -> None:
    assert predict(client, "iris", **{"X-Request-ID": "follow-this-request"}).status_code == 200
    for service in [*OURS, "trainer-db", "mlflow", "mlflow-db"]:
        (container,) = stack.containers(service, ended=True)
        for line in container.logs().decode().splitlines():
            assert {"event", "timestamp", "level"} <= json.loads(line).keys(), f"{service}: {line}"
    for service in OTHERS:
        assert all(isinstance(line, dict) for line in lines_of(stack.the(service))), service
    assert len(gateway_line(stack, "follow-this-request")["trace_id"]) == 32


@pytest.fixture
def challenged(stack: Stack, client: httpx.Client) -> Iterator[None]:
    """Iris has a challenger with a share of the traffic, which gets a copy of the rest, too."""
    mlflow = f"http://127.0.0.1:{stack.ports['MLFLOW_PORT']}/api/2.0/mlflow/registered-models"
    of_model = {"name": "IrisBestModel"}
    aliases = httpx.get(f"{mlflow}/get", params=of_model, trust_env=False).json()["registered_model"]["aliases"]
    serves = next(entry["version"] for entry in aliases if entry["alias"] == "champion")
    other = {**of_model, "alias": "challenger", "version": "2" if serves == "1" else "1"}
    httpx.post(f"{mlflow}/alias", json=other, trust_env=False).raise_for_status()
    asked = {"challenger_percent": 30, "shadow": True, "reason": "to have something to compare"}
    assert client.put("/models/iris/traffic", json=asked).status_code == 200
    yield
    assert client.put("/models/iris/traffic", json={"reason": "compared"}).status_code == 200
    httpx.request("DELETE", f"{mlflow}/alias", json=other, trust_env=False).raise_for_status()


@pytest.mark.usefixtures("challenged")
def test_every_expression_has_data_and_every_metric_is_there(prometheus: Prometheus, client: httpx.Client) -> None:
    recorded = {name: expression for name, expression in of_rules() if name not in ALERTS}
    asked = [
        (f"{name}: {selector}", selector)
        for name, expression in of_rules()
        if name in ALERTS  # which are silent, so that they have no data as a whole
        for selector in sorted(selectors_in(expression))
    ]
    expected = (*recorded.items(), *asked, *of_dashboards())
    waiting = [(where, expression) for where, expression in expected if where not in WITHOUT_DATA]

    def has_data() -> bool:
        nonlocal waiting
        for model in BODIES:
            predict(client, model)
            client.post(f"/predict/{model}", content=b"{", headers={"Content-Type": "application/json"})
        waiting = [(where, expression) for where, expression in waiting if not prometheus.has_data(expression)]
        return not waiting

    with suppress(TimeoutError):
        wait_until(has_data, within_seconds=120, every=1)
    assert waiting == []
    names = set(prometheus_names(prometheus))
    missing = {
        metric: where
        for where, expression in (*of_rules(), *of_dashboards(), *of_runbooks())
        if where not in WITHOUT_DATA
        for metric in metrics_in(expression)
        if not names & {metric, f"{metric}_bucket"}
    }
    assert missing == {}
    ours = {
        name.removesuffix("_bucket")
        for name in names
        if name.startswith("mlplatform_") and not name.endswith(("_sum", "_count"))
    }
    assert ours == set(documented())


def prometheus_names(prometheus: Prometheus) -> list[str]:
    answer = httpx.get(f"{prometheus.url}/api/v1/label/__name__/values", trust_env=False).json()
    return list(answer["data"])


@pytest.fixture
def three_replicas(stack: Stack) -> Iterator[None]:
    """Of the predictor for housing."""
    stack.scale("housing-predictor", 3)
    yield
    stack.scale("housing-predictor", 1)


@pytest.mark.usefixtures("three_replicas")
def test_three_replicas_are_three_targets_and_count_every_request_once(stack: Stack, prometheus: Prometheus) -> None:
    wait_until(
        lambda: prometheus.value('count(up{job="housing-predictor"} == 1)') == 3,
        within_seconds=30,
        what="three targets",
        every=1,
    )
    predictors = 'sum(mlplatform_predictions_total{model="housing"})'
    gateway = 'sum(mlplatform_gateway_requests_total{route="/predict/housing"})'
    prometheus.await_scrapes()
    before = prometheus.value(predictors), prometheus.value(gateway)
    with SteadyLoad(stack.ports["GATEWAY_PORT"], "/predict/housing", BODIES["housing"], per_second=150) as load:
        wait_until(lambda: len(load.outcomes) >= 6_000, within_seconds=120, what="6,000 requests", every=0.2)
    sent = len(load.outcomes)
    assert load.failures == []
    prometheus.await_scrapes()
    say(f"three replicas: {load.summary()}")
    assert (prometheus.value(predictors) - before[0], prometheus.value(gateway) - before[1]) == (sent, sent)
    each = [
        float(s["value"][1]) for s in prometheus.query('increase(mlplatform_predictions_total{model="housing"}[1m])')
    ]
    assert len(each) == 3
    assert min(each) > 0


def test_100000_hostile_requests_make_no_series(stack: Stack, prometheus: Prometheus) -> None:
    count = f'count by (job) ({{job=~"{"|".join(OURS)}"}})'

    def series() -> dict[str, str]:
        prometheus.await_scrapes()
        return {s["metric"]["job"]: s["value"][1] for s in prometheus.query(count)}

    def replicas_watched() -> int:
        return len(prometheus.query('up{job="housing-predictor"}'))

    wait_until(lambda: replicas_watched() == 1, within_seconds=60, what="no replica of before is remembered", every=1)
    hostile.send(stack.ports["GATEWAY_PORT"], 500)  # whatever a first one makes is there
    before = series()
    assert hostile.send(stack.ports["GATEWAY_PORT"], 100_000) == 100_000
    assert series() == before


def await_page(
    prometheus: Prometheus,
    receiver: Receiver,
    alert: str,
    *,
    since: float,
    within_seconds: float,
    besides: str | None = None,
) -> None:
    """Until the receiver is told of it; no other page may have reached it, but for those of a model besides."""
    wait_until(
        lambda: alert in receiver.told("/page", since=since, besides=besides),
        within_seconds=within_seconds,
        what=f"a page: {alert}",
        every=1,
    )
    say(f"{alert} arrived {time.time() - since:.0f} s after its cause")
    assert receiver.told("/page", since=since, besides=besides) == {alert}, prometheus.firing()


def await_end(prometheus: Prometheus, receiver: Receiver, alert: str, *, since: float, within_seconds: float) -> None:
    """Until the receiver is told that it is over; no other page may have reached it all the while."""
    mended = time.time()
    wait_until(
        lambda: alert in receiver.told("/page", since=since, status="resolved"),
        within_seconds=within_seconds,
        what=f"the end of a page: {alert}",
        every=1,
    )
    say(f"{alert} was over {time.time() - mended:.0f} s after it was mended")
    assert receiver.told("/page", since=since) == {alert}, prometheus.firing()


@pytest.mark.usefixtures("calm")
def test_redis_that_stopped_is_paged(stack: Stack, prometheus: Prometheus, receiver: Receiver) -> None:
    began = time.time()
    try:
        stack.compose("stop", "redis")
        await_page(prometheus, receiver, "RedisDown", since=began, within_seconds=120)
    finally:
        stack.compose("start", "redis")
    await_end(prometheus, receiver, "RedisDown", since=began, within_seconds=300)


@pytest.mark.usefixtures("calm")
def test_an_exporter_that_stopped_is_no_page(stack: Stack, prometheus: Prometheus, receiver: Receiver) -> None:
    began = time.time()
    try:
        stack.compose("stop", "redis-exporter")
        ticket = 'ALERTS{alertname="ScrapeFails",alertstate="firing",job="redis"}'
        wait_until(lambda: prometheus.has_data(ticket), within_seconds=400, what="a ticket of it", every=1)
    finally:
        stack.compose("start", "redis-exporter")
    assert receiver.told("/page", since=began) == set()


@pytest.mark.usefixtures("calm")
def test_a_broken_model_is_paged(
    stack: Stack, prometheus: Prometheus, receiver: Receiver, client: httpx.Client
) -> None:
    """A version whose checksum is wrong is promoted: the one before goes on serving."""
    api = f"http://127.0.0.1:{stack.ports['MLFLOW_PORT']}/api/2.0/mlflow"
    served = predict(client, "iris").json()["version"]
    with httpx.Client(trust_env=False) as mlflow:
        asked = {"name": "IrisBestModel", "version": served}
        good = mlflow.get(f"{api}/model-versions/get", params=asked).json()["model_version"]
        broken = mlflow.post(
            f"{api}/model-versions/create",
            json={
                "name": "IrisBestModel",
                "source": good["source"],
                "run_id": good["run_id"],
                "model_id": good["source"].split("/")[-2],
                "tags": [{"key": "manifest_sha256", "value": "0" * 64}],
            },
        ).json()["model_version"]["version"]
    began = time.time()
    try:
        promoted = client.post("/models/iris/promote", json={"version": broken, "reason": "to see it refused"})
        assert promoted.status_code == 200, promoted.text
        await_page(prometheus, receiver, "VersionNotTakenUp", since=began, within_seconds=180)
        assert predict(client, "iris").json()["version"] == served
    finally:
        rolled_back = client.post("/models/iris/rollback", json={"reason": "it was broken"})
    assert rolled_back.status_code == 200, rolled_back.text
    await_end(prometheus, receiver, "VersionNotTakenUp", since=began, within_seconds=180)


_ERRORS = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500); self.send_header("Content-Length", "0"); self.end_headers()
    do_GET = lambda self: (self.send_response(500), self.send_header("Content-Length", "0"), self.end_headers())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


@pytest.mark.usefixtures("calm")
def test_errors_that_eat_the_budget_are_paged(stack: Stack, prometheus: Prometheus, receiver: Receiver) -> None:
    """A replica joins that fails whatever it is asked."""
    bad = stack.engine.containers.create(
        "ml-platform/housing-predictor:dev", ["python", "-c", _ERRORS], name=f"{stack.project}-bad"
    )
    try:
        stack.engine.networks.get(f"{stack.project}_application").connect(bad, aliases=["housing-predictor"])
        with SteadyLoad(stack.ports["GATEWAY_PORT"], "/predict/housing", BODIES["housing"], per_second=20) as load:
            began = time.time()
            bad.start()
            await_page(prometheus, receiver, "AvailabilityBudgetBurns", since=began, within_seconds=240)
        assert any("500" in (failure.trouble or "") for failure in load.failures)
    finally:
        bad.remove(force=True)


def test_a_predictor_that_stopped_is_paged(stack: Stack, prometheus: Prometheus, receiver: Receiver) -> None:
    """And what its clients see is not told beside it. The last of the faults: of the one before it, which was another
    model's, the budget burns on for half an hour.
    """
    burning = 'ALERTS{alertname="AvailabilityBudgetBurns",alertstate="firing",model="iris"}'
    began = time.time()
    try:
        with SteadyLoad(stack.ports["GATEWAY_PORT"], "/predict/iris", BODIES["iris"], per_second=5):
            stack.compose("stop", "iris-predictor")
            await_page(prometheus, receiver, "PredictorDown", since=began, within_seconds=120, besides="housing")
            wait_until(
                lambda: prometheus.has_data(burning),
                within_seconds=120,
                what="the budget burns",
                every=1,
            )
            wait_until(
                lambda: "AvailabilityBudgetBurns" in inhibited(stack),
                within_seconds=60,
                what="Alertmanager knows and keeps it to itself",
                every=1,
            )
            assert receiver.told("/page", since=began, besides="housing") == {"PredictorDown"}
    finally:
        stack.compose("start", "iris-predictor")


def test_the_dead_mans_switch_is_told_all_along(receiver: Receiver) -> None:
    wait_until(
        lambda: "Watchdog" in receiver.told("/watchdog", since=time.time() - 70),
        within_seconds=130,
        what="the watchdog",
        every=1,
    )


def test_the_rules_are_mounted_as_they_are_here(prometheus: Prometheus) -> None:
    groups = httpx.get(f"{prometheus.url}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    loaded = {rule["name"] for group in groups for rule in group["rules"]}
    assert loaded == {name for name, _ in of_rules()}
