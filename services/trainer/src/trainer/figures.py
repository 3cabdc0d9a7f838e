"""What the trainer's metrics say of jobs, promotions and the database: read from SQL when Prometheus asks.

So they are true whichever process did the work, and survive every restart. Each replica of the API tells the same.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise, product
from typing import Any

import structlog
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    RowMapping,
    ScalarSelect,
    case,
    func,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from mlplatform.contracts import CONTRACTS
from mlplatform.telemetry.metrics import Figure, Readings
from trainer.db import statistics
from trainer.db.tables import job_events, jobs, periods, promotions
from trainer.jobs import State
from trainer.promotions.history import Action
from trainer.upkeep import FIRST_START, WHOLE_ROUND, settled

TRIGGERS = ("request", "first_start")
"""What asked for a job: a client, or the platform itself for a model without a champion."""

REACHABLE = Figure("mlplatform_database_reachable", "1 when the figures of jobs and promotions could be read.")
JOBS = Figure("mlplatform_jobs", "Jobs in a state that is not final.", ("model", "state"))
FINISHED = Figure(
    "mlplatform_jobs_finished", "Jobs at their end, by how and by what asked.", ("model", "state", "trigger"), True
)
ATTEMPTS = Figure("mlplatform_job_attempts", "Attempts at jobs, those that were lost included.", ("model",), True)
QUEUE_AGE = Figure(
    "mlplatform_job_queue_age_seconds", "How long the oldest queued job has waited; 0 without one.", ("model",)
)
RUNNING_AGE = Figure(
    "mlplatform_job_running_seconds", "How long the job at work has been so; 0 without one.", ("model",)
)
WAIT = Figure(
    "mlplatform_job_wait_seconds", "Sum of the time that finished jobs waited for their last attempt.", ("model",), True
)
DURATION = Figure("mlplatform_job_duration_seconds", "Sum of the time that finished jobs took.", ("model",), True)
LAST_SUCCESS = Figure(
    "mlplatform_job_last_success_timestamp_seconds",
    "When a job last ended as promoted, held or rejected; 0 before the first.",
    ("model",),
)
LAST_FAILURE = Figure(
    "mlplatform_job_last_failure_timestamp_seconds", "When a job last ended as failed; 0 before the first.", ("model",)
)
STAGE = Figure(
    "mlplatform_job_stage_seconds",
    "Time that the job which ended last spent in each stage, all its attempts together.",
    ("model", "stage"),
)
PROMOTIONS = Figure("mlplatform_promotions", "Entries of the promotion history.", ("model", "action"), True)
CHAMPION = Figure(
    "mlplatform_champion_version_info", "1 for the version that the history says serves.", ("model", "version")
)
CHAMPION_SINCE = Figure(
    "mlplatform_champion_since_timestamp_seconds", "When the champion became so; 0 without one.", ("model",)
)
LAST_ROUND = Figure(
    "mlplatform_upkeep_last_round_timestamp_seconds",
    "When a round of upkeep was last done to its end; 0 before the first.",
)
SETTLED = Figure(
    "mlplatform_registry_settled_timestamp_seconds",
    "When upkeep last saw the registry say of a model what the history says; 0 before it did.",
    ("model",),
)
FIGURES = (
    REACHABLE,
    JOBS,
    FINISHED,
    ATTEMPTS,
    QUEUE_AGE,
    RUNNING_AGE,
    WAIT,
    DURATION,
    LAST_SUCCESS,
    LAST_FAILURE,
    STAGE,
    PROMOTIONS,
    CHAMPION,
    CHAMPION_SINCE,
    LAST_ROUND,
    SETTLED,
)

STAGES = (
    "waiting",
    "starting",
    "load",
    "split",
    "choose feedback",
    "cross-validate",
    "refit",
    "export",
    "check parity",
    "evaluate",
    "register",
)
"""How the stages of a job begin; what follows is a candidate or a fold."""

_ACTIVE = [state.value for state in State if state.is_active]
_FINAL = [state.value for state in State if not state.is_active]
_LAST: Mapping[str, Figure] = {
    **dict.fromkeys((State.PROMOTED, State.HELD, State.REJECTED), LAST_SUCCESS),
    State.FAILED: LAST_FAILURE,
}
"""What tells when a job last ended so."""

_BY_MODEL = (ATTEMPTS, QUEUE_AGE, RUNNING_AGE, WAIT, DURATION, LAST_SUCCESS, LAST_FAILURE)

_SECONDS: Mapping[str, Callable[[Column[Any]], ColumnElement[Any]]] = {
    "sqlite": lambda column: func.julianday(column) * 86_400,
    "postgresql": lambda column: func.extract("epoch", column),
}
"""A moment in seconds, as each database says it."""

Values = dict[tuple[str, ...], float]

_log = structlog.get_logger(__name__)


class Figures:
    """Reads them from a database; when that does not answer, they are missing and `REACHABLE` says so."""

    def __init__(self, engine: Engine, patience_seconds: float = 3.0) -> None:
        self._engine = engine
        self._patience_seconds = patience_seconds  # less than Prometheus has with a scrape
        self._reader = ThreadPoolExecutor(1, "figures")
        self._reading: Future[Readings] | None = None

    def read(self) -> Readings:
        """All of them, as of now; a database that hangs is asked nothing more until it has answered."""
        if self._reading is None or self._reading.done():
            self._reading = self._reader.submit(self._read)
        try:
            return self._reading.result(self._patience_seconds)
        except TimeoutError:
            _log.warning("jobs and promotions cannot be counted", reason="the database hangs")
            return {REACHABLE: {(): 0}}

    def _read(self) -> Readings:
        try:
            with self._engine.connect() as connection:
                return {
                    REACHABLE: {(): 1},
                    **_of_jobs(connection),
                    STAGE: _of_stages(connection),
                    **_of_promotions(connection),
                    **_of_upkeep(connection),
                    **statistics.of_server(connection),
                }
        except SQLAlchemyError as error:
            _log.warning("jobs and promotions cannot be counted", reason=type(error).__name__)
            return {REACHABLE: {(): 0}}


def _of_jobs(connection: Connection) -> Readings:
    models: Values = {(model,): 0.0 for model in CONTRACTS}
    active: Values = dict.fromkeys(product(CONTRACTS, _ACTIVE), 0.0)
    finished: Values = dict.fromkeys(product(CONTRACTS, _FINAL, TRIGGERS), 0.0)
    of_model: dict[Figure, Values] = {figure: {**models} for figure in _BY_MODEL}
    for row in _known(connection, _job_query(connection)):
        key = (row["model"],)
        of_model[ATTEMPTS][key] += row["attempts"]
        if row["state"] in _ACTIVE:
            active[row["model"], row["state"]] += row["jobs"]
            is_queued = row["state"] == State.QUEUED
            age = datetime.now(UTC).timestamp() - _moment(row["queued" if is_queued else "started"])
            ages = of_model[QUEUE_AGE if is_queued else RUNNING_AGE]
            ages[key] = max(ages[key], age)
            continue
        finished[row["model"], row["state"], row["trigger"]] += row["jobs"]
        of_model[WAIT][key] += float(row["waited"] or 0)
        of_model[DURATION][key] += float(row["took"] or 0)
        last = _LAST.get(row["state"])
        if last:
            of_model[last][key] = max(of_model[last][key], _moment(row["finished"]))
    return {JOBS: active, FINISHED: finished, **of_model}


def _job_query(connection: Connection) -> Executable:
    """A row for each model, state and trigger."""
    trigger = case((jobs.c.reason == FIRST_START, TRIGGERS[1]), else_=TRIGGERS[0]).label("trigger")
    seconds = _SECONDS[connection.dialect.name]
    return select(
        jobs.c.model,
        jobs.c.state,
        trigger,
        func.count().label("jobs"),
        func.sum(jobs.c.attempts).label("attempts"),
        func.min(case((jobs.c.state == State.QUEUED, _queued_at()))).label("queued"),
        func.min(jobs.c.started_at).label("started"),
        func.max(jobs.c.finished_at).label("finished"),
        func.sum(seconds(jobs.c.started_at) - seconds(jobs.c.created_at)).label("waited"),
        func.sum(seconds(jobs.c.finished_at) - seconds(jobs.c.started_at)).label("took"),
    ).group_by(jobs.c.model, jobs.c.state, trigger)


def _queued_at() -> ScalarSelect[Any]:
    """When a job began to wait: at first, or when its last attempt was over."""
    mine = (job_events.c.job == jobs.c.id, job_events.c.attempt == jobs.c.attempts)
    waits = select(func.min(job_events.c.at)).where(*mine, job_events.c.state == State.QUEUED)
    return waits.correlate(jobs).scalar_subquery()


def _of_stages(connection: Connection) -> Values:
    """From one event to the next a job is in the stage of the first."""
    spent: Values = dict.fromkeys(product(CONTRACTS, STAGES), 0.0)
    newest = select(func.max(jobs.c.id)).where(jobs.c.finished_at.is_not(None)).group_by(jobs.c.model)
    steps = select(jobs.c.model, job_events.c.job, job_events.c.stage, job_events.c.at).join(jobs)
    ordered = steps.where(job_events.c.job.in_(newest)).order_by(job_events.c.job, job_events.c.sequence)
    for step, following in pairwise(_known(connection, ordered)):
        stage = next((stage for stage in STAGES if step["stage"].startswith(stage)), None)
        if stage and step["job"] == following["job"]:
            spent[step["model"], stage] += _moment(following["at"]) - _moment(step["at"])
    return spent


def _of_promotions(connection: Connection) -> Readings:
    counts: Values = dict.fromkeys(product(CONTRACTS, [action.value for action in Action]), 0.0)
    since: Values = {(model,): 0.0 for model in CONTRACTS}
    champions: Values = {}
    actions = select(promotions.c.model, promotions.c.action, func.count().label("entries"))
    for row in _known(connection, actions.group_by(promotions.c.model, promotions.c.action)):
        counts[row["model"], row["action"]] += row["entries"]
    last = select(promotions.c.model, func.max(promotions.c.sequence).label("sequence"))
    latest = (
        last.where(promotions.c.action.in_([action for action in Action if action.makes_champion]))
        .group_by(promotions.c.model)
        .subquery()
    )
    of_last = (promotions.c.model == latest.c.model) & (promotions.c.sequence == latest.c.sequence)
    for row in _known(connection, select(promotions).join(latest, of_last)):
        champions[row["model"], row["after"]] = 1
        since[row["model"],] = _moment(row["at"])
    return {PROMOTIONS: counts, CHAMPION: champions, CHAMPION_SINCE: since}


def _of_upkeep(connection: Connection) -> Readings:
    noted = periods.c.task.in_([WHOLE_ROUND, *map(settled, CONTRACTS)])
    last = select(periods.c.task, func.max(periods.c.taken_at).label("at")).where(noted).group_by(periods.c.task)
    at = {row["task"]: _moment(row["at"]) for row in connection.execute(last).mappings()}
    return {
        LAST_ROUND: {(): at.get(WHOLE_ROUND, 0.0)},
        SETTLED: {(model,): at.get(settled(model), 0.0) for model in CONTRACTS},
    }


def _known(connection: Connection, query: Executable) -> Iterator[RowMapping]:
    """The rows of models that there are: what a database remembers of others makes no series."""
    return (row for row in connection.execute(query).mappings() if row["model"] in CONTRACTS)


def _moment(value: datetime) -> float:
    """SQLite forgets the zone of what was written as UTC."""
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
