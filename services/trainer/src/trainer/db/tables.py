"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

ACTIVE = "state IN ('queued', 'running', 'evaluating')"

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("effort", String(8), nullable=False, server_default="full"),
    Column("feedback", Boolean, nullable=False, server_default=false()),
    Column("state", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("percent", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("version", String(16)),
    Column("run_id", String(64)),
    Column("metrics", JSON),
    Column("decision", JSON),
    Column("idempotency_key", String(255)),
    Column("traceparent", String(55)),
    Column("is_unwanted", Boolean, nullable=False, server_default=false()),
    Column("error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Index("jobs_one_for_each_key", "idempotency_key", unique=True),
    Index("jobs_one_active_each", "model", unique=True, sqlite_where=text(ACTIVE), postgresql_where=text(ACTIVE)),
)

job_attempts = Table(
    "job_attempts",
    metadata,
    Column("job", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", String(255), nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", String(16)),
)

job_events = Table(
    "job_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("job", String(36), ForeignKey("jobs.id"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("percent", Integer, nullable=False),
    Index("job_events_of_job", "job", "sequence"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("prediction_id", String(36), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("version", String(16), nullable=False),
    Column("features", JSON, nullable=False),
    Column("truth", JSON, nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Index("feedback_newest_of_each_model", "model", "observed_at"),
)

periods = Table(
    "periods",
    metadata,
    Column("task", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
)

promotions = Table(
    "promotions",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", String(16), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("forced", Boolean, nullable=False),
    Column("traffic", JSON(none_as_null=True)),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

promotion_locks = Table(
    "promotion_locks",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
)
