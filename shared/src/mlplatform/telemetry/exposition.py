"""`/metrics` of a process that answers no other requests."""

from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server

_log = structlog.get_logger(__name__)


class Exposition:
    """Answers every path with the metrics, on a thread of its own, until closed."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server: WSGIServer
        self._thread: Thread
        self._server, self._thread = start_http_server(port, host, registry)
        self._server.handle_error = _tell  # type: ignore[assignment, method-assign] # its own writes to stderr

    @property
    def port(self) -> int:
        return self._server.server_port

    def forget(self) -> None:
        """Let go of the socket in a child, which inherits it and has no thread to answer."""
        self._server.socket.close()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _tell(_request: object, client_address: object) -> None:
    _log.warning("a look at the metrics failed", client=str(client_address), exc_info=True)
