"""What has happened to a job stands: events are only added, and an attempt that is over is not told anew."""

from alembic import op

revision = "0009"
down_revision = "0008"

_REFUSAL = "what has happened to a job is not rewritten"
_KEPT = (
    ("job_events", "UPDATE", ""),
    ("job_events", "DELETE", ""),
    ("job_attempts", "UPDATE", "WHEN (OLD.ended_at IS NOT NULL) "),
    ("job_attempts", "DELETE", ""),
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(
            "CREATE FUNCTION refuse_to_rewrite_jobs() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
    for table, change, when in _KEPT:
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            if is_sqlite
            else "EXECUTE FUNCTION refuse_to_rewrite_jobs()"
        )
        op.execute(f"CREATE TRIGGER {_name(table, change)} BEFORE {change} ON {table} FOR EACH ROW {when}{refuse}")


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, change, _ in _KEPT:
        op.execute(f"DROP TRIGGER {_name(table, change)}" + ("" if is_sqlite else f" ON {table}"))
    if not is_sqlite:
        op.execute("DROP FUNCTION refuse_to_rewrite_jobs")


def _name(table: str, change: str) -> str:
    return f"{table}_no_{change.lower()}"
