"""Words about models, over a real Redis with the users of the containers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest
import redis

from mlplatform.messaging.events import CHANNEL, RedisModelEvents, listen
from tests.helpers.redis_server import RedisServer
from tests.helpers.waiting import wait_until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


class Heard:
    def __init__(self) -> None:
        self.words = 0
        self.connected = False

    def word(self) -> None:
        self.words += 1

    def connection(self, connected: bool) -> None:  # noqa: FBT001 # as it is called
        self.connected = connected


@asynccontextmanager
async def listening(server: RedisServer, model: str = "iris") -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(listen(server.url("predictor"), model, heard.word, heard.connection))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    await asyncio.to_thread(wait_until, condition, within_seconds=seconds)


async def test_a_word_about_a_model_is_heard_by_who_listens_for_it(server: RedisServer) -> None:
    events = RedisModelEvents(server.url("trainer"))
    async with listening(server) as heard, listening(server, "housing") as other:
        await until(lambda: heard.words == 1 and other.words == 1)  # what may have been missed before
        await asyncio.to_thread(events.changed, "iris")
        await until(lambda: heard.words == 2)
        assert other.words == 1


async def test_an_outage_ends_by_itself_and_what_was_missed_is_told(server: RedisServer) -> None:
    async with listening(server) as heard:
        await until(lambda: heard.connected)
        server.stop()
        await until(lambda: not heard.connected)
        server.start()
        await until(lambda: heard.words == 2)
        assert heard.connected


async def test_a_connection_that_has_died_silently_is_given_up(server: RedisServer) -> None:
    async with listening(server) as heard:
        await until(lambda: heard.connected)
        server.pause()
        await until(lambda: not heard.connected)


async def test_telling_takes_half_a_second_at_most_and_never_fails(server: RedisServer) -> None:
    events = RedisModelEvents(server.url("trainer"))
    server.pause()
    async with asyncio.timeout(5):
        await asyncio.to_thread(events.changed, "iris")
    server.stop()
    events.changed("iris")


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "key"),
        ("SET", "key", "1"),
        ("PUBLISH", CHANNEL, "iris"),
        ("SUBSCRIBE", "other"),
        ("KEYS", "*"),
        ("INFO",),
    ],
)
async def test_a_predictor_may_do_nothing_but_listen(server: RedisServer, command: tuple[str, ...]) -> None:
    with closing(redis.Redis.from_url(server.url("predictor"))) as client, pytest.raises(redis.ResponseError):
        client.execute_command(*command)  # type: ignore[no-untyped-call] # redis leaves this one without types
