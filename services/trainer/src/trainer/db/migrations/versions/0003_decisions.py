"""Decisions of the gate, and jobs that are being evaluated."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BEFORE = sa.text("state IN ('queued', 'running')")
_AFTER = sa.text("state IN ('queued', 'running', 'evaluating')")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("decision", sa.JSON))
    _one_active_each(_AFTER)


def downgrade() -> None:
    _one_active_each(_BEFORE)
    op.drop_column("jobs", "decision")


def _one_active_each(active: sa.TextClause) -> None:
    op.drop_index("jobs_one_active_each", "jobs")
    op.create_index(
        "jobs_one_active_each", "jobs", ["model"], unique=True, sqlite_where=active, postgresql_where=active
    )
