"""Repeated kills at random moments, what they lead to, and the table of how long recovery took."""

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from tests.helpers.waiting import wait_until

REPEATS = int(os.environ.get("REPEATS") or 20)
SEED = int(os.environ.get("SEED") or 0) or random.SystemRandom().randrange(1, 10**6)
TO_THE_END_SECONDS = 60.0
"""From the moment at which everything is up again."""

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.2  # what is drilled should not be busy with being asked
_ACTIVE = ("queued", "running", "evaluating")
_LOST = ("abandoned", "handed back")
_WITHOUT_ATTEMPT = ("cancelled", "failed")  # called off while it waits, or given up


@dataclass
class Drill:
    """One kind of kill: how often it was done, and how many seconds it took from recovery to the job's end."""

    kind: str
    seconds: list[float] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    @property
    def moments(self) -> random.Random:
        """When to kill: the same for the same seed."""
        return random.Random(f"{SEED} {self.kind}")  # noqa: S311 # no secret

    def note(self, end: str, seconds: float, struck: dict[str, Any]) -> None:
        """One repeat is over; tell it at once.

        Args:
            end: what became of the job.
            seconds: from recovery to that.
            struck: the job as it was when something was killed.
        """
        self.ends.append(end)
        self.seconds.append(seconds)
        tell(
            f"{self.kind}, {len(self.ends)} of {REPEATS}: {end}, {seconds:.1f} s after recovery; "
            f"struck at {struck['percent']} % ({struck['stage']})"
        )

    def row(self) -> str:
        ends = ", ".join(f"{self.ends.count(end)} {end}" for end in sorted(set(self.ends)))
        middle, worst = (statistics.median(self.seconds), max(self.seconds)) if self.seconds else (0, 0)
        return f"{self.kind:34} {len(self.seconds):>4} {middle:>9.1f} {worst:>8.1f}   {ends}"


DRILLS: list[Drill] = []
"""Those of this run, for the table at its end."""


LISTENERS: list[Callable[[str], None]] = []
"""Who hears of each repeat."""


def tell(line: str) -> None:
    for listener in LISTENERS:
        listener(line)


def drill(kind: str) -> Drill:
    """A new row of the table."""
    DRILLS.append(Drill(kind))
    return DRILLS[-1]


def table() -> Iterator[str]:
    """What the drills of this run have shown."""
    yield f"{'drill':34} {'done':>4} {'median s':>9} {'worst s':>8}   ends"
    for each in DRILLS:
        yield each.row()


class Jobs:
    """The jobs of the cheapest model, through the gateway."""

    def __init__(self, client: httpx.Client, model: str = "iris") -> None:
        self._client = client
        self._model = model

    def ask(self, reason: str, **more: object) -> str:
        """The id of a new job."""

        def accepted() -> httpx.Response | None:
            answer = self._try("POST", "/retrain", json={"model": self._model, "reason": reason, **more})
            return answer if answer and answer.status_code == httpx.codes.ACCEPTED else None

        return str(self._until(accepted, "a job accepted").json()["id"])

    def get(self, job: str) -> dict[str, Any]:
        """A job, as soon as somebody tells."""
        return dict(self._until(lambda: self._ok("GET", f"/retrain/{job}"), "the job told").json())

    def cancel(self, job: str) -> None:
        """Call a job off, if it is not at its end."""
        self._try("DELETE", f"/retrain/{job}")

    def is_active(self, job: str) -> bool:
        return self.get(job)["state"] in _ACTIVE

    def wait_for_the_end(self, job: str, within_seconds: float) -> dict[str, Any]:
        """A job at its end."""
        try:
            wait_until(
                lambda: not self.is_active(job),
                within_seconds=within_seconds,
                what="the end of the job",
                every=_LOOK_SECONDS,
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.get(job)}") from None
        return self.get(job)

    def promotions(self, job: str) -> list[dict[str, Any]]:
        """The entries of the history that a job has made."""
        return [entry for entry in self._history() if entry["actor"] == f"job:{job}"]

    def follows_its_history(self) -> bool:
        """Whether the alias of the champion is where the last entry of the history says."""
        aliases = self._until(lambda: self._ok("GET", f"/models/{self._model}"), "the model told").json()["aliases"]
        return bool(aliases["champion"] == self._history()[0]["after"])

    def states(self, job: str) -> list[str]:
        """The state of a job at its end as of each of its events, oldest first."""
        events = self._until(lambda: self._ok("GET", f"/retrain/{job}/events"), "the events of the job")
        facts = [line.removeprefix("data: ") for line in events.text.splitlines() if line.startswith("data: ")]
        return [json.loads(each)["state"] for each in facts]

    def active(self) -> list[dict[str, Any]]:
        """All jobs of the model that are not at their end."""
        return [
            job
            for state in _ACTIVE
            for job in self._until(
                partial(self._ok, "GET", f"/retrain?model={self._model}&state={state}"), "the list of jobs"
            ).json()["jobs"]
        ]

    def _history(self) -> list[dict[str, Any]]:
        """Newest first."""
        history = self._until(lambda: self._ok("GET", f"/models/{self._model}/history?limit=1000"), "the history")
        assert history.json()["is_whole"]
        return list(history.json()["entries"])

    def _ok(self, method: str, path: str) -> httpx.Response | None:
        answer = self._try(method, path)
        return answer if answer is not None and answer.status_code == httpx.codes.OK else None

    def _try(self, method: str, path: str, **more: Any) -> httpx.Response | None:  # noqa: ANN401 # httpx's own
        try:
            return self._client.request(method, path, **more)
        except httpx.TransportError:
            return None

    @staticmethod
    def _until(answer: Callable[[], httpx.Response | None], what: str) -> httpx.Response:
        found: list[httpx.Response] = []

        def is_there() -> bool:
            response = answer()
            if response is not None:
                found.append(response)
            return bool(found)

        wait_until(is_there, within_seconds=_PATIENCE_SECONDS, what=what, every=_LOOK_SECONDS)
        return found[0]


def usual_duration(jobs: Jobs) -> float:
    """How long a job takes that nobody disturbs, in seconds."""
    began = time.monotonic()
    job = jobs.ask("undisturbed")
    jobs.wait_for_the_end(job, _PATIENCE_SECONDS)
    return time.monotonic() - began


def repeat_kills(drill: Drill, jobs: Jobs, kill: Callable[[], None], recover: Callable[[], None]) -> list[str]:
    """Kill at random moments of running jobs; the ids of the jobs. Every one has come to one end in time.

    Args:
        drill: what to note the figures in.
        jobs: who to ask.
        kill: ends its victim.
        recover: returns when what was killed is up again.
    """
    moments, duration, hit = drill.moments, usual_duration(jobs), list[str]()
    tell(f"{drill.kind}: undisturbed, a job takes {duration:.1f} s")
    while len(hit) < REPEATS:
        job = jobs.ask(f"{drill.kind}, {len(hit) + 1} of {REPEATS}, seed {SEED}")
        time.sleep(moments.uniform(0, duration))  # the moment is the drill's parameter, not something to wait for
        struck = jobs.get(job)
        kill()
        recover()
        recovered = time.monotonic()
        try:
            end = jobs.wait_for_the_end(job, TO_THE_END_SECONDS)
        except TimeoutError:
            drill.note("no end", time.monotonic() - recovered, struck)
            raise
        seconds = time.monotonic() - recovered
        assert_one_end(jobs, job, end)
        if struck["state"] in _ACTIVE:  # a kill after the end has to do no harm, but shows little
            drill.note(end["state"], seconds, struck)
            hit.append(job)
    return hit


def assert_one_end(jobs: Jobs, job: str, end: dict[str, Any]) -> None:
    """The job came to one end and stays there, no attempt at it and nothing else is under way, it promoted what it
    says, once, and the alias is where the history says.
    """
    promotions = jobs.promotions(job)
    expected = [end["version"]] if end["state"] == "promoted" else []
    assert [entry["after"] for entry in promotions] == expected, (end, promotions)
    assert jobs.active() == []
    _assert_one_attempt_ended_it(end)
    states = jobs.states(job)
    assert [state for state in states if state not in _ACTIVE] == states[-1:] == [end["state"]], states
    wait_until(
        jobs.follows_its_history,
        within_seconds=TO_THE_END_SECONDS,
        what="the alias where the history says",
        every=_LOOK_SECONDS,
    )
    assert jobs.get(job) == end


def _assert_one_attempt_ended_it(end: dict[str, Any]) -> None:
    attempts = end["attempt_history"]
    assert [attempt["number"] for attempt in attempts] == [*range(1, end["attempts"] + 1)], end
    assert all(attempt["ended_at"] for attempt in attempts), end
    brought = [attempt["outcome"] for attempt in attempts if attempt["outcome"] not in _LOST]
    assert brought == [end["state"]] or (not brought and end["state"] in _WITHOUT_ATTEMPT), end
