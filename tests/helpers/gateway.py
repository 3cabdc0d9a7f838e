"""A running gateway, as its tests see it."""

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local.settings import Settings
from tests.helpers.stub_service import StubService


@dataclass(frozen=True)
class Gateway:
    """A running gateway, its services and its access log."""

    settings: Settings
    client: httpx.Client
    log: Path

    def service(self, name: str) -> StubService:
        """A stand-in at that service's port, not yet running."""
        return StubService(self.settings.ports[name], name)

    def raw(self, request: bytes) -> bytes:
        """The answer to bytes that a well-behaved client would not send."""
        with socket.create_connection(("127.0.0.1", self.settings.gateway_port), timeout=10) as connection:
            connection.sendall(request)
            stream = connection.makefile("rb")
            head = b"".join(iter(stream.readline, b"\r\n"))
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            return head + b"\r\n" + stream.read(int(length[1]) if length else -1)

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
