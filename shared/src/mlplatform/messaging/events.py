"""Word that a model's registry entry has changed: a hint, so that predictors look at once. Nothing depends on it."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import redis
import redis.asyncio
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

CHANNEL = "mlplatform.models"

_PUBLISH_SECONDS = 0.5
_CONNECT_SECONDS = 2.0
_SOCKET_SECONDS = 5.0
_IDLE_SECONDS = 4.0  # less than a read may take, and then the connection is asked whether it is one
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0

_log = structlog.get_logger(__name__)


class ModelEvents(Protocol):
    """Where it is announced that a model's aliases or tags have changed."""

    def changed(self, model: str) -> None:
        """Tell whoever listens; never fails, and takes half a second at most."""
        ...


class NoModelEvents:
    """Nobody is told."""

    def changed(self, model: str) -> None:
        """Nothing is done."""


class RedisModelEvents:
    """Tells by Redis's publish and subscribe."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=_PUBLISH_SECONDS,
            socket_connect_timeout=_PUBLISH_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def changed(self, model: str) -> None:
        try:
            self._client.publish(CHANNEL, model)
        except RedisError as error:
            _log.warning("predictors will see the change at their next look", model=model, error=type(error).__name__)


async def listen(
    url: str, model: str, changed: Callable[[], None], connected: Callable[[bool], None] = lambda _: None
) -> None:
    """Call `changed` for each word about a model, for ever; after an outage once, for what was missed.

    Args:
        url: of Redis.
        model: whose changes are of interest.
        changed: must not wait.
        connected: is told whether words would be heard.
    """
    wait, lost = _FIRST_WAIT, ""
    while True:
        try:
            async with _client(url) as client, client.pubsub() as subscription:
                await subscription.subscribe(CHANNEL)
                connected(True)
                changed()
                wait, lost = _FIRST_WAIT, ""
                await _follow(subscription, model, changed)
        except (RedisError, OSError, TimeoutError) as error:
            connected(False)
            if lost != type(error).__name__:
                lost = type(error).__name__
                _log.info("changes of models are seen at the next look only", error=lost)
        await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 # jitter, no secret
        wait = min(2 * wait, _LONGEST_WAIT)


async def _follow(subscription: redis.asyncio.client.PubSub, model: str, changed: Callable[[], None]) -> None:
    is_asked = False
    while True:
        message = await subscription.get_message(timeout=_IDLE_SECONDS)
        if message is None:
            if is_asked:
                raise TimeoutError("the connection is dead")
            await subscription.ping()
            is_asked = True
            continue
        is_asked = False
        if message["type"] == "message" and message["data"] == model:
            changed()


def _client(url: str) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
