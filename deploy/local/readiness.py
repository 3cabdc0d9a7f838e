"""Whether a process does its work yet. A probe asks once and answers; the supervisor decides when to ask again."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx

Probe = Callable[[], Awaitable[bool]]

_PROBE_SECONDS = 2.0


async def alive() -> bool:
    """For a process that has no port: started is ready."""
    return True


def http_answers(client: httpx.AsyncClient, url: str) -> Probe:
    """Any answer will do."""

    async def probe() -> bool:
        return await _get(client, url) is not None

    return probe


def http_ok(client: httpx.AsyncClient, url: str) -> Probe:
    """Only a 200 will do."""

    async def probe() -> bool:
        response = await _get(client, url)
        return response is not None and response.status_code == HTTPStatus.OK

    return probe


def redis_answers(port: int, password: str) -> Probe:
    """A PONG: it has loaded its data and takes the password."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                    return b"+PONG" in await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    return probe


async def reason_not_ready(client: httpx.AsyncClient, url: str) -> str | None:
    """Why a service says that it is not ready; none if it is, or does not say."""
    response = await _get(client, url)
    if response is None or response.status_code == HTTPStatus.OK:
        return None
    try:
        body = response.json()
    except ValueError:
        return None
    reason = body.get("reason") or body.get("detail") if isinstance(body, dict) else None
    return str(reason) if reason else None


async def _get(client: httpx.AsyncClient, url: str) -> httpx.Response | None:
    try:
        return await client.get(url, timeout=_PROBE_SECONDS)
    except httpx.HTTPError:
        return None
