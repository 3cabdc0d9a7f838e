"""A running Prometheus, and who is told of its alerts."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from docker.models.containers import Container

from tests.helpers.compose import Stack, output
from tests.helpers.waiting import wait_until

_COUNTED_SECONDS = 1  # the gateway adds up its lines four times a second
_SCRAPED_SECONDS = 60


@dataclass(frozen=True)
class Prometheus:
    """The stack's."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant vector."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, trust_env=False, timeout=30).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return list(answer["data"]["result"])

    def has_data(self, expression: str) -> bool:
        """Whether there is a series with a number; NaN is what a share of nothing is."""
        return any(series["value"][1] != "NaN" for series in self.query(expression))

    def value(self, expression: str) -> float:
        """Of a single series; 0 of none."""
        series = self.query(expression)
        assert len(series) <= 1, f"{expression} has {len(series)} series"
        return float(series[0]["value"][1]) if series else 0.0

    def await_scrapes(self) -> None:
        """Until all that has happened so far is known: every target was asked since."""
        now = time.time() + _COUNTED_SECONDS
        wait_until(
            lambda: all(float(series["value"][1]) > now for series in self.query("timestamp(up)")),
            within_seconds=_SCRAPED_SECONDS,
            what="a scrape of every target",
            every=0.5,
        )

    def firing(self, severity: str = "page") -> set[str]:
        return {
            series["metric"]["alertname"]
            for series in self.query(f'ALERTS{{alertstate="firing",severity="{severity}"}}')
        }


def inhibited(stack: Stack) -> set[str]:
    """The alerts that Alertmanager has and tells nobody of, as their cause is told."""
    query = ("amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "query", "--inhibited", "--output=json")
    return {alert["labels"]["alertname"] for alert in json.loads(output(stack.the("alertmanager"), *query))}


_RECEIVER = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps({"path": self.path, **told}), flush=True)
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


class Receiver:
    """A container that Alertmanager tells; the secrets of the stack name it."""

    NAME = "receiver"

    def __init__(self, stack: Stack) -> None:
        self.container: Container = stack.engine.containers.run(
            "ml-platform/housing-predictor:dev",
            ["python", "-c", _RECEIVER],
            detach=True,
            network=f"{stack.project}_operations",
            name=f"{stack.project}-{self.NAME}",
            hostname=self.NAME,
        )
        network = stack.engine.networks.get(f"{stack.project}_operations")
        network.disconnect(self.container)
        network.connect(self.container, aliases=[self.NAME])

    def told(self, path: str, *, since: float, status: str = "firing", besides: str | None = None) -> set[str]:
        """The alerts of which it was told that they fire, or are `resolved`, and that began to since a moment; without
        those of a model besides.
        """
        lines = self.container.logs(stdout=True, stderr=False, since=int(since)).decode().splitlines()
        notes = [json.loads(line) for line in lines]
        return {
            alert["labels"]["alertname"]
            for note in notes
            if note["path"] == path
            for alert in note["alerts"]
            if (besides is None or alert["labels"].get("model") != besides)
            and alert["status"] == status
            and (note["path"] == "/watchdog" or _moment(alert["startsAt"]) >= since)
        }

    def remove(self) -> None:
        """Nobody is told any more."""
        self.container.remove(force=True)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
