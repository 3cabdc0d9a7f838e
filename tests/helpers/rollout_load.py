"""Requests at a steady rate to one predictor, and for each when it was sent and answered, and by which version."""

import http.client
import json
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
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
    """One connection, one request after the other, so many a second.

    From a process of its own: what the test does beside would hold the interpreter, and be measured instead of the
    predictor. The answers are there when the load has ended.
    """

    port: int
    per_second: float
    body: bytes = ROW
    answers: list[Answered] = field(default_factory=list)

    def __enter__(self) -> Self:
        context = get_context("spawn")
        self._stopping = context.Event()
        self._told, telling = context.Pipe(duplex=False)
        arguments = (self.port, self.per_second, self.body, self._stopping, telling)
        self._process = context.Process(target=_send, args=arguments)
        self._process.start()
        telling.close()  # so that the end of the process is heard, however it comes
        self._told.recv()  # it has begun
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.answers += self._told.recv()
        self._process.join()

    @property
    def failures(self) -> list[Answered]:
        return [answer for answer in self.answers if answer.trouble]

    def p99(self, since: float = 0.0, until: float = float("inf")) -> float:
        """Of the requests sent between two moments, in seconds."""
        seconds = sorted(answer.seconds for answer in self.answers if since <= answer.sent < until)
        return seconds[len(seconds) * 99 // 100]


def _send(port: int, per_second: float, body: bytes, stopping: Event, telling: Connection) -> None:
    """Tells that it begins, and all answers at the end."""
    connection, answers = http.client.HTTPConnection("127.0.0.1", port, timeout=15), list[Answered]()
    telling.send(None)
    due = time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1 / per_second, time.monotonic() - 0.1)
        answers.append(_ask(connection, body))
    connection.close()
    telling.send(answers)


def _ask(connection: http.client.HTTPConnection, body: bytes) -> Answered:
    sent = time.monotonic()
    try:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        said = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        return Answered(sent, time.monotonic(), None, trouble=repr(error))
    answered = time.monotonic()
    if response.status != http.client.OK:
        return Answered(sent, answered, None, trouble=f"{response.status} {said}")
    return Answered(sent, answered, said["version"], said["variant"])
