"""Changes of a model's traffic are entries of its history, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("promotions", sa.Column("traffic", sa.JSON))


def downgrade() -> None:
    op.drop_column("promotions", "traffic")
