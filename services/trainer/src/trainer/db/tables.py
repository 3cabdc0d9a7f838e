"""The tables, as the newest migration leaves them."""

from sqlalchemy import JSON, Boolean, Column, DateTime, Index, Integer, MetaData, String, Table, Text, false, text

metadata = MetaData()

ACTIVE = "state IN ('queued', 'running', 'evaluating')"

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("percent", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("version", String(16)),
    Column("run_id", String(64)),
    Column("metrics", JSON),
    Column("decision", JSON),
    Column("idempotency_key", String(255)),
    Column("is_unwanted", Boolean, nullable=False, server_default=false()),
    Column("error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Index("jobs_one_for_each_key", "idempotency_key", unique=True),
    Index("jobs_one_active_each", "model", unique=True, sqlite_where=text(ACTIVE), postgresql_where=text(ACTIVE)),
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
