"""What a person at the terminal wants to know: what is being waited for, and how to ask for a prediction."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import httpx

from deploy.local.output import Output
from deploy.local.readiness import reason_not_ready
from deploy.local.settings import Settings
from deploy.local.training import training_in_words
from mlplatform.contracts import CONTRACTS, Contract

_ASK_EVERY_SECONDS = 0.5


async def announce_predictions(
    settings: Settings, *, client: httpx.AsyncClient, output: Output, starting: Callable[[], Sequence[str]]
) -> None:
    """Says how to get predictions as soon as both models answer; until then, once all has started, why there are none.

    Args:
        settings: of the stack.
        client: asks its services.
        output: where to say it.
        starting: the processes that are not ready, which are a reason that is told elsewhere.
    """
    said: dict[str, str] = {}
    waiting = list(CONTRACTS)
    while waiting := [model for model in waiting if not await _predicts(settings, model, client)]:
        for model in [] if starting() else waiting:
            line = await _why_not(settings, model, client)
            if said.get(model) != line:
                output.say(line)
                said[model] = line
        await asyncio.sleep(_ASK_EVERY_SECONDS)
    output.block(welcome(settings, starting()))


def welcome(settings: Settings, starting: Sequence[str]) -> str:
    """The addresses, and one call for each model."""
    addresses = {
        "gateway": f"{settings.gateway_url}/health",
        "MLflow": settings.url("mlflow"),
        "trainer's API": f"{settings.url('trainer')}/docs",
        **{f"{model} API": f"{settings.url(f'{model}-predictor')}/docs" for model in CONTRACTS},
    }
    width = max(map(len, addresses))
    return "\n".join(
        [
            "",
            "Both models answer. Ctrl-C stops everything.",
            *([f"Still starting: {', '.join(starting)}."] if starting else []),
            "",
            *(f"  {name:<{width}}  {url}" for name, url in addresses.items()),
            "",
            *(curl(settings, model) for model in CONTRACTS),
            "",
        ]
    )


def curl(settings: Settings, model: str) -> str:
    """A prediction, ready to paste."""
    body = json.dumps(example(CONTRACTS[model]))
    return f"curl {settings.gateway_url}/predict/{model} -H 'Content-Type: application/json' -d '{body}'"


def example(contract: Contract) -> Mapping[str, object]:
    """One row, made from the contract's own examples."""
    fields = contract.features.model_fields.items()
    return {name: field.examples[0] for name, field in fields if field.examples}


async def _predicts(settings: Settings, model: str, client: httpx.AsyncClient) -> bool:
    # The predictor is asked first: an attempt through the gateway would fill its log with failures.
    if not await _is_ready(settings, model, client):
        return False
    try:
        answer = await client.post(f"{settings.gateway_url}/predict/{model}", json=example(CONTRACTS[model]))
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK


async def _is_ready(settings: Settings, model: str, client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get(f"{settings.url(f'{model}-predictor')}/health/ready")
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK


async def _why_not(settings: Settings, model: str, client: httpx.AsyncClient) -> str:
    if training := await training_in_words(client, settings.url("trainer"), model):
        return training
    reason = await reason_not_ready(client, f"{settings.url(f'{model}-predictor')}/health/ready")
    return f"waiting for the first {model} model: {reason or 'its predictor does not answer yet'}"
