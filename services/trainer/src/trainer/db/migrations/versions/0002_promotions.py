"""Promotions: the history of champions, to which entries are only ever added, and the locks under which they are."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_REFUSAL = "the history of promotions is not rewritten"


def upgrade() -> None:
    op.create_table(
        "promotions",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "promotion_locks",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER promotions_no_{change.lower()} BEFORE {change} ON promotions "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION refuse_to_rewrite_promotions() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER promotions_are_kept BEFORE UPDATE OR DELETE ON promotions "
            "FOR EACH ROW EXECUTE FUNCTION refuse_to_rewrite_promotions()"
        )


def downgrade() -> None:
    op.drop_table("promotion_locks")
    op.drop_table("promotions")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_to_rewrite_promotions")
