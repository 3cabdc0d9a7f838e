"""Requests at a steady rate to one predictor, and for each when it was sent and answered, and by which version."""

import http.client
import json
import time
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Self

from tests.helpers.predictors import ROW


@dataclass(frozen=True, slots=True)
class Answered:
    """One request, on the monotonic clock; `version` is none where it failed, and `trouble` says how."""

    sent: float
    answered: float
    version: str | None
    variant: str | None = None
    trouble: str | None = None

    @property
    def seconds(self) -> float:
        return self.answered - self.sent


@dataclass
class RolloutLoad:
    """One connection, one request after the other, so many a second."""

    port: int
    per_second: float
    body: bytes = ROW
    answers: list[Answered] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopping = Event()
        self._thread = Thread(target=self._send)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def failures(self) -> list[Answered]:
        return [answer for answer in self.answers if answer.trouble]

    def p99(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Of the requests sent between two moments, in seconds."""
        seconds = sorted(answer.seconds for answer in self.answers if since <= answer.sent < until)
        return seconds[len(seconds) * 99 // 100]

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1 / self.per_second, time.monotonic() - 0.1)
            sent = time.monotonic()
            try:
                connection.request("POST", "/predict", self.body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                body = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                self.answers.append(Answered(sent, time.monotonic(), None, trouble=repr(error)))
                continue
            answered = time.monotonic()
            if response.status == http.client.OK:
                self.answers.append(Answered(sent, answered, body["version"], body["variant"]))
            else:
                self.answers.append(Answered(sent, answered, None, trouble=f"{response.status} {body}"))
        connection.close()
