"""Transports for clients of the registry that count each call."""

import httpx

from mlplatform.telemetry.registry import RegistryMetrics


class MeasuredTransport(httpx.BaseTransport):
    """For a client that waits."""

    def __init__(self, metrics: RegistryMetrics, transport: httpx.BaseTransport | None = None) -> None:
        self._metrics = metrics
        self._transport = transport or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._metrics.call(request.url.path) as answered:
            response = self._transport.handle_request(request)
            answered.status = response.status_code
        return response

    def close(self) -> None:
        self._transport.close()


class MeasuredAsyncTransport(httpx.AsyncBaseTransport):
    """The same for one that does not."""

    def __init__(self, metrics: RegistryMetrics, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._metrics = metrics
        self._transport = transport or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._metrics.call(request.url.path) as answered:
            response = await self._transport.handle_async_request(request)
            answered.status = response.status_code
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()
