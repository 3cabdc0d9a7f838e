"""Requests that may be repeated, and jobs that nobody wants any more."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("idempotency_key", sa.String(255)))
    op.add_column("jobs", sa.Column("is_unwanted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("jobs_one_for_each_key", "jobs", ["idempotency_key"], unique=True)


def downgrade() -> None:
    op.drop_index("jobs_one_for_each_key", "jobs")
    op.drop_column("jobs", "is_unwanted")
    op.drop_column("jobs", "idempotency_key")
