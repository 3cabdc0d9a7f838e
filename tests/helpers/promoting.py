"""Who serves, as tests change it: another version, many changes at once, and what every predictor answers then."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from mlplatform.contracts import IRIS
from tests.helpers.waiting import wait_until
from trainer.pipeline import Sources, train
from trainer.recipes import RECIPES
from trainer.tracking import MlflowTracker

FOLLOW_SECONDS = 10.0
"""After a promotion or a rollback, until every predictor follows."""

_DATA = Path(__file__).parents[2] / "data"
_ROWS = {"instances": [{name: value * factor for name, value in IRIS.example.items()} for factor in (0.8, 1, 1.2, 1.5)]}


def champion(client: httpx.Client) -> str:
    return str(client.get("/models/iris").json()["aliases"]["champion"])


def history(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/models/iris/history", params={"limit": 1_000}).json())


def another_version(client: httpx.Client, mlflow_url: str, folder: Path) -> str:
    """A version of another kind of estimator than the champion's, so that its answers differ; nobody serves it yet."""
    recipe, serving = RECIPES[IRIS.model], champion(client)
    [kind] = [
        version["candidate"]
        for version in client.get("/models/iris").json()["versions"]
        if version["version"] == serving
    ]
    others = {name: make for name, make in recipe.candidates.items() if name != kind}
    trained = train(
        replace(recipe, candidates=others),
        sources=Sources(_DATA, folder),
        tracker=MlflowTracker(mlflow_url),
        progress=lambda _stage, _percent: None,
        reason="a version that answers otherwise",
    )
    return trained.version


def answer(predictor_url: str) -> dict[str, Any]:
    """What a predictor says to some flowers, and the version that it says it is."""
    body = httpx.post(f"{predictor_url}/predict", json=_ROWS, timeout=5, trust_env=False).json()
    return {name: body[name] for name in ("version", "predictions", "probabilities")}


def assert_a_rollback_restores_the_answers(client: httpx.Client, predictors: Sequence[str], other: str) -> float:
    """At every predictor, in numbers; the seconds until the last of them followed the rollback."""
    old = answer(predictors[0])
    why = {"reason": "to see the answers change"}
    assert client.post("/models/iris/promote", json={"version": other, **why}).is_success
    wait_until_all_answer(predictors, lambda given: bool(given["version"] == other), f"version {other}")
    new = answer(predictors[0])
    assert new["probabilities"] != old["probabilities"]
    wait_until_all_answer(predictors, lambda given: given == new, f"the answers of version {other}")
    assert client.post("/models/iris/rollback", json=why).json()["after"] == old["version"]
    return wait_until_all_answer(predictors, lambda given: given == old, "the answers from before")


def wait_until_all_answer(predictors: Sequence[str], is_expected: Callable[[dict[str, Any]], bool], what: str) -> float:
    """How long it took, in seconds; not for longer than a predictor may take to follow."""
    began = time.monotonic()
    wait_until(
        lambda: all(is_expected(answer(predictor)) for predictor in predictors),
        within_seconds=FOLLOW_SECONDS,
        what=f"{what} from each of {len(predictors)} predictors",
    )
    return time.monotonic() - began


def change_hands(client: httpx.Client, versions: tuple[str, str], *, calls: int, clients: int) -> list[int]:
    """Promote and roll back from many clients at once; the statuses."""

    def change(number: int) -> int:
        call, body = "rollback", dict[str, object](reason="one of many")
        if number % 3:
            call, body = "promote", body | {"version": versions[number % 2], "force": True}
        with httpx.Client(base_url=str(client.base_url), timeout=60, trust_env=False) as own:
            return own.post(f"/models/iris/{call}", json=body).status_code

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(change, range(calls)))


def assert_one_chain(client: httpx.Client, mlflow_url: str) -> list[dict[str, Any]]:
    """The history is whole, and the registry's alias says what its last entry says; the entries, newest first."""
    told = history(client)
    assert told["is_whole"]
    registry = f"{mlflow_url}/api/2.0/mlflow/registered-models/get"
    model = httpx.get(registry, params={"name": IRIS.registered_model}, trust_env=False).json()["registered_model"]
    aliases = {entry["alias"]: entry["version"] for entry in model["aliases"]}
    assert aliases["champion"] == told["entries"][0]["after"]
    return list(told["entries"])
