"""How the training of a model goes, as the trainer tells it."""

from http import HTTPStatus
from typing import Any

import httpx

_MOST_JOBS = 100


async def training_in_words(client: httpx.AsyncClient, trainer_url: str, model: str) -> str | None:
    """What there is to say of the model's newest job; none if it neither runs nor failed, or the trainer is away."""
    job = await _newest_job(client, trainer_url, model)
    if job is None:
        return None
    if job["state"] == "failed":
        return f"the last training of {model} failed: {job['error']}; it is tried again"
    if job["state"] == "running":
        return f"{model} is being trained: {job['stage']}, {job['percent']} %"
    return None


async def _newest_job(client: httpx.AsyncClient, trainer_url: str, model: str) -> dict[str, Any] | None:
    try:
        answer = await client.get(f"{trainer_url}/retrain", params={"limit": _MOST_JOBS})
    except httpx.HTTPError:
        return None
    if answer.status_code != HTTPStatus.OK:
        return None
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return next((job for job in jobs if job["model"] == model), None)
