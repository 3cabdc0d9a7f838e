"""Who tried a job and what came of it, and every step that a job took."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "job_attempts",
        sa.Column("job", sa.String(36), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String(255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(16)),
    )
    op.create_table(
        "job_events",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job", sa.String(36), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
    )
    op.create_index("job_events_of_job", "job_events", ["job", "sequence"])
    # Jobs from before have one event: how they are.
    op.execute(
        "INSERT INTO job_events (job, at, attempt, state, stage, percent) "
        "SELECT id, seen_at, attempts, state, stage, percent FROM jobs"
    )


def downgrade() -> None:
    op.drop_table("job_events")
    op.drop_table("job_attempts")
