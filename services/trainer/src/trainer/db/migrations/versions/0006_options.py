"""What a client chose about a training, and the feedback that one can train on."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("effort", sa.String(8), nullable=False, server_default="full"))
    op.add_column("jobs", sa.Column("feedback", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "feedback",
        sa.Column("prediction_id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("features", sa.JSON, nullable=False),
        sa.Column("truth", sa.JSON, nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("feedback_newest_of_each_model", "feedback", ["model", "observed_at"])


def downgrade() -> None:
    op.drop_table("feedback")
    op.drop_column("jobs", "feedback")
    op.drop_column("jobs", "effort")
