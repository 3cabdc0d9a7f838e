"""The stack as a whole: it works, it is locked down as declared, and it comes back with everything it knew."""

import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from tests.helpers.compose import BODIES, ONE_SHOTS, ROOT, Stack, output, run_inside, service_of
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

_JOB_SECONDS = 240
_UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def predict(client: httpx.Client, model: str) -> dict[str, Any]:
    answer = client.post(f"/predict/{model}", content=BODIES[model], headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.timeout(900)
def test_every_container_is_healthy(stack: Stack) -> None:
    assert stack.unhealthy() == {}
    ended = {c.labels["com.docker.compose.service"]: c.attrs["State"] for c in stack.containers(ended=True)}
    assert {service: ended[service]["ExitCode"] for service in ONE_SHOTS} == dict.fromkeys(ONE_SHOTS, 0)


@pytest.mark.parametrize("model", BODIES)
def test_a_model_predicts_through_the_gateway(client: httpx.Client, model: str) -> None:
    champion = client.get(f"/models/{model}").json()["aliases"]["champion"]
    assert predict(client, model)["version"] == champion


def test_the_gateway_says_that_all_is_well(client: httpx.Client) -> None:
    assert client.get("/health").json()["status"] == "ok"


def test_prometheus_reaches_whoever_it_watches(stack: Stack) -> None:
    def down() -> set[str]:
        url = f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}/api/v1/query"
        answer = httpx.get(url, params={"query": "up"}, trust_env=False).json()["data"]["result"]
        up = {sample["metric"]["job"] for sample in answer if sample["value"][1] == "1"}
        return {"housing-predictor", "iris-predictor", "trainer", "redis", "nginx", "prometheus"} - up

    wait_until(lambda: not down(), within_seconds=40, what="every target is up")


def test_a_retraining_goes_through_and_its_version_serves(client: httpx.Client) -> None:
    before = predict(client, "iris")["version"]
    asked = client.post("/retrain", json={"model": "iris", "reason": "a test"})
    assert asked.status_code == 202, asked.text

    def ended() -> bool:
        return bool(client.get(asked.headers["Location"]).json()["finished_at"])

    wait_until(ended, within_seconds=_JOB_SECONDS, what="the job's end")
    job = client.get(asked.headers["Location"]).json()
    assert job["state"] == "promoted", job
    wait_until(lambda: predict(client, "iris")["version"] == job["version"], what="the new version serves")
    assert job["version"] != before


def test_of_retrainings_asked_for_at_once_one_is_accepted(client: httpx.Client) -> None:
    """The database decides, Postgres here."""

    def ask(_: int) -> httpx.Response:
        return client.post("/retrain", json={"model": "iris"})

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(ask, range(8)))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]
    (accepted,) = (answer.headers["Location"] for answer in answers if answer.status_code == 202)
    wait_until(lambda: bool(client.get(accepted).json()["finished_at"]), within_seconds=_JOB_SECONDS, what="its end")


def test_only_the_declared_ports_are_open_and_only_the_gateway_is_for_the_world(stack: Stack) -> None:
    published = {}
    for container in stack.containers():
        for bindings in container.attrs["HostConfig"]["PortBindings"].values():
            published[service_of(container)] = {(binding["HostIp"], int(binding["HostPort"])) for binding in bindings}
    ports = stack.ports
    assert published == {
        "gateway": {("127.0.0.1", ports["GATEWAY_PORT"])},  # where the test asked for it
        "mlflow": {("127.0.0.1", ports["MLFLOW_PORT"])},
        "prometheus": {("127.0.0.1", ports["PROMETHEUS_PORT"])},
    }
    compose = (ROOT / "docker-compose.yml").read_text()
    addresses = re.findall(r'^ +ports: \["([^:]+|\$\{[^}]+\}):\$', compose, re.MULTILINE)
    assert sorted(addresses) == ["${GATEWAY_HOST:-0.0.0.0}", *["127.0.0.1"] * 3]


def test_networks_keep_those_apart_who_have_nothing_to_say_to_each_other(stack: Stack) -> None:
    members: dict[str, set[str]] = {}
    for container in stack.containers():
        for name in container.attrs["NetworkSettings"]["Networks"]:
            members.setdefault(name.removeprefix(f"{stack.project}_"), set()).add(service_of(container))
    assert members["edge"] == {"gateway"}
    assert members["data"] == {
        "redis",
        "postgres",
        "redis-exporter",
        "mlflow",
        "trainer",
        "trainer-worker",
        "trainer-upkeep",
        "trainer-beat",
    }
    assert members["events"] == {"redis", "housing-predictor", "iris-predictor"}
    assert not members["application"] & {"redis", "postgres"}
    for inner in ("application", "data", "events"):
        assert stack.engine.networks.get(f"{stack.project}_{inner}").attrs["Internal"] is True


def test_every_container_runs_as_declared(stack: Stack) -> None:
    """As the engine knows it, and as it is inside."""
    wrong = {}
    for container in stack.containers():
        declared = stack.declared[service_of(container)]
        host = container.attrs["HostConfig"]
        known = {
            "read-only": host["ReadonlyRootfs"],
            "capabilities": host["CapDrop"],
            "privileges": host["SecurityOpt"],
            "memory": host["Memory"],
            "cpus": host["NanoCpus"],
            "pids": host["PidsLimit"],
            "user is a number": bool(re.fullmatch(r"[1-9]\d*(:\d+)?", container.attrs["Config"]["User"])),
        }
        meant = {
            "read-only": True,
            "capabilities": ["ALL"],
            "privileges": ["no-new-privileges:true"],
            "memory": _bytes(declared["mem_limit"]),
            "cpus": int(float(declared["cpus"]) * 1e9),
            "pids": declared["pids_limit"],
            "user is a number": True,
        }
        if known != meant:
            wrong[service_of(container)] = (known, meant)
    assert wrong == {}


def _bytes(size: str | int) -> int:
    text = str(size).lower().removesuffix("b")
    return int(float(text[:-1]) * _UNITS[text[-1]]) if text[-1] in _UNITS else int(text)


@pytest.mark.parametrize(
    "service",
    [
        "gateway",
        "housing-predictor",
        "iris-predictor",
        "trainer",
        "trainer-worker",
        "trainer-upkeep",
        "trainer-beat",
        "mlflow",
    ],
)
def test_a_container_of_ours_is_locked_down_inside(stack: Stack, service: str) -> None:
    container = stack.the(service)
    status = dict(
        line.split(":\t", 1) for line in output(container, "cat", "/proc/1/status").splitlines() if ":\t" in line
    )
    assert "0" not in status["Uid"].split(), "nobody is root"
    assert {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {
        "CapPrm": 0,
        "CapEff": 0,
        "CapBnd": 0,
    }
    assert status["NoNewPrivs"] == "1"
    for place in ("/", "/etc", "/app", "/usr/local/bin"):
        assert run_inside(container, "touch", f"{place}/x")[0] != 0, f"{place} can be written"
    limited = output(container, "sh", "-c", "grep ' / ' /proc/mounts")
    assert re.search(r"\bro\b", limited)


def test_no_secret_is_in_an_environment_a_command_a_label_or_a_log(stack: Stack) -> None:
    secrets = {path.name: path.read_text() for path in stack.secrets.iterdir() if "password" in path.name}
    passwords = {name: text for name, text in secrets.items() if re.fullmatch(r"[0-9a-f]{48}", text)}
    assert len(passwords) == 7
    for container in stack.containers(ended=True):
        told = json.dumps(container.attrs)
        processes = json.dumps(container.top()) if container.status == "running" else ""
        environment = _environment_of_processes(container)
        said = container.logs().decode(errors="replace")
        for name, password in passwords.items():
            for where, text in {"inspect": told, "ps": processes, "environment": environment, "logs": said}.items():
                assert password not in text, f"{name} is in {where} of {container.name}"


def _environment_of_processes(container: Container) -> str:
    if service_of(container) in ONE_SHOTS or container.status != "running":
        return ""
    try:
        return run_inside(container, "sh", "-c", "cat /proc/[0-9]*/environ")[1]
    except docker.errors.APIError:
        return ""  # an image without a shell


def test_postgres_keeps_the_two_databases_apart(stack: Stack) -> None:
    command = "PGPASSWORD=$(cat /run/secrets/postgres_mlflow_password) psql -h 127.0.0.1 -U mlflow -d {} -c 'select 1'"
    postgres = stack.the("postgres")
    assert run_inside(postgres, "sh", "-c", command.format("mlflow"))[0] == 0
    assert run_inside(postgres, "sh", "-c", command.format("trainer"))[0] != 0
    assert (
        run_inside(postgres, "sh", "-c", "PGPASSWORD=wrong psql -h 127.0.0.1 -U mlflow -d mlflow -c 'select 1'")[0] != 0
    )


def test_redis_hears_no_stranger_and_the_exporter_reads_no_job(stack: Stack) -> None:
    redis = stack.the("redis")
    assert output(redis, "redis-cli", "ping") == "PONG"
    assert "NOPERM" in output(redis, "redis-cli", "get", "x")
    password = (stack.secrets / "redis_exporter_password").read_text()
    said = output(redis, "sh", "-c", f"printf 'AUTH exporter {password}\\nGET x\\n' | redis-cli")
    assert "OK" in said
    assert "NOPERM" in said


def test_mlflow_answers_to_its_names_and_no_others(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.ports['MLFLOW_PORT']}/api/2.0/mlflow/registered-models/search?max_results=1"
    with httpx.Client(trust_env=False) as client:
        assert client.get(url).status_code == 200
        assert client.get(url, headers={"Host": "mlflow:5000"}).status_code == 200
        assert client.get(url, headers={"Host": "evil.example"}).status_code == 403


def test_a_job_that_a_worker_was_stopped_in_ends_once(stack: Stack, client: httpx.Client) -> None:
    """Asked to stop, the worker hands the job back, and the next one takes it up at once."""
    asked = client.post("/retrain", json={"model": "housing", "reason": "a worker that is stopped"})
    where = asked.headers["Location"]
    wait_until(lambda: client.get(where).json()["percent"] >= 5, within_seconds=60, what="the training is under way")
    stack.compose("restart", "trainer-worker")

    def taken_up() -> bool:
        job = client.get(where).json()
        return bool(job["attempts"] == 2 or job["finished_at"])

    wait_until(taken_up, within_seconds=60, what="the job is taken up again")
    wait_until(lambda: bool(client.get(where).json()["finished_at"]), within_seconds=_JOB_SECONDS, what="its end")
    job = client.get(where).json()
    assert (job["state"], job["attempts"]) == ("promoted", 2), job
    # Before the next test kills the predictor, which would then start from a cache that has not seen this version.
    wait_until(lambda: predict(client, "housing")["version"] == job["version"], what="the new version serves")


def test_any_start_order_ends_well(stack: Stack, client: httpx.Client) -> None:
    """As after a reboot, where the engine starts containers in an order of its own."""
    containers = [container for container in stack.containers() if service_of(container) not in ONE_SHOTS]
    for container in containers:
        container.kill()
    random.Random(3).shuffle(containers)  # noqa: S311 # the same order each time
    containers.sort(key=lambda container: service_of(container) in {"postgres", "redis"})  # the needed come last
    for container in containers:
        container.start()
        time.sleep(0.3)
    stack.wait_until_healthy(within_seconds=150)
    for model in BODIES:
        predict(client, model)


def test_what_was_known_survives_down_and_up(stack: Stack, client: httpx.Client) -> None:
    versions = {model: predict(client, model)["version"] for model in BODIES}
    jobs = client.get("/retrain?limit=100").json()
    stack.compose("down", "--timeout", "30")
    assert stack.containers(ended=True) == []
    stack.up()
    assert {model: predict(client, model)["version"] for model in BODIES} == versions
    assert client.get("/retrain?limit=100").json() == jobs
