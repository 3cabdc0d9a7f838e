"""What a person at the terminal wants to know: what is being waited for, and how to ask for a prediction."""

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from deploy.local.output import Output
from deploy.local.readiness import reason_not_ready
from deploy.local.settings import Settings
from mlplatform.contracts import CONTRACTS, Contract

_ASK_EVERY_SECONDS = 0.5
_REPEAT_EVERY_SECONDS = 20.0


async def announce_predictions(settings: Settings, *, client: httpx.AsyncClient, output: Output) -> None:
    """Says why there are no predictions yet, for as long as that is so, then how to get them."""
    said_at = 0.0
    said: set[str] = set()
    waiting = list(CONTRACTS)
    while waiting := [model for model in waiting if not await _predicts(settings, model, client)]:
        if time.monotonic() - said_at >= _REPEAT_EVERY_SECONDS:
            said_at, said = time.monotonic(), set()
        for model in waiting:
            line = await _why_not(settings, model, client)
            if line not in said:
                output.say(line)
                said.add(line)
        await asyncio.sleep(_ASK_EVERY_SECONDS)
    output.block(welcome(settings))


def welcome(settings: Settings) -> str:
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
    reason = await reason_not_ready(client, f"{settings.url(f'{model}-predictor')}/health/ready")
    return f"waiting for the first {model} model: {reason or 'its predictor does not answer yet'}"
