"""Who serves is written in Postgres, where it stands, and every replica follows."""

from collections.abc import Iterator

import httpx
import pytest
from docker.models.containers import Container

from tests.helpers.compose import Stack, run_inside, say
from tests.helpers.promoting import (
    another_version,
    assert_a_rollback_restores_the_answers,
    assert_one_chain,
    champion,
    change_hands,
    history,
)

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

SERVICE = "iris-predictor"
CALLS = 500
CLIENTS = 8


@pytest.fixture(scope="module")
def mlflow_url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports['MLFLOW_PORT']}"


@pytest.fixture(scope="module")
def two_versions(stack: Stack, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The champion, and a version that answers otherwise."""
    with httpx.Client(base_url=stack.gateway_url, timeout=30, trust_env=False) as client:
        return champion(client), another_version(client, mlflow_url, tmp_path_factory.mktemp("processed"))


@pytest.fixture
def replicas(stack: Stack) -> Iterator[list[str]]:
    """Where two predictors answer."""
    stack.scale(SERVICE, 2)
    stack.wait_until_healthy(within_seconds=60)
    yield [f"http://{address(container)}:8000" for container in stack.containers(SERVICE)]
    stack.scale(SERVICE, 1)
    stack.wait_until_healthy(within_seconds=60)


def address(container: Container) -> str:
    networks = container.attrs["NetworkSettings"]["Networks"]
    [serving] = [network for key, network in networks.items() if key.endswith("_application")]
    return str(serving["IPAddress"])


def test_a_rollback_restores_the_old_answers_at_every_replica(
    client: httpx.Client, replicas: list[str], two_versions: tuple[str, str]
) -> None:
    assert len(replicas) == 2
    seconds = assert_a_rollback_restores_the_answers(client, replicas, two_versions[1])
    say(f"the old answers at both replicas {seconds:.1f} s after the rollback")


def test_hundreds_of_promotions_and_rollbacks_at_once_leave_one_chain_and_an_alias_that_says_its_end(
    client: httpx.Client, mlflow_url: str, two_versions: tuple[str, str]
) -> None:
    before = len(history(client)["entries"])
    statuses = change_hands(client, two_versions, calls=CALLS, clients=CLIENTS)
    made = len(assert_one_chain(client, mlflow_url)) - before
    say(f"{CALLS} calls from {CLIENTS} clients: {statuses.count(200)} changed or confirmed, {made} entries")
    assert set(statuses) <= {httpx.codes.OK, httpx.codes.CONFLICT}
    assert made > CALLS / 10


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE promotions SET reason = ''",
        "DELETE FROM promotions",
        "UPDATE job_events SET percent = 1",
        "DELETE FROM job_events",
        "UPDATE job_attempts SET outcome = 'promoted' WHERE ended_at IS NOT NULL",
        "DELETE FROM job_attempts",
    ],
)
def test_postgres_refuses_to_rewrite_what_has_happened(stack: Stack, change: str) -> None:
    psql = "PGPASSWORD=$(cat /run/secrets/postgres_trainer_password) psql -h 127.0.0.1 -U trainer -d trainer -c"
    code, said = run_inside(stack.the("postgres"), "sh", "-c", f'{psql} "{change}"')
    assert code != 0
    assert "not rewritten" in said
