"""The feed: what changed of an owner's runs, for streams of live updates."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed_positions",
        sa.Column("owner_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("last", BIG_ID, nullable=False),
        sa.Column("pruned", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_feed_positions")),
    )
    op.create_table(
        "feed",
        sa.Column("owner_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("job_id", BIG_ID, nullable=True),
        sa.Column("status", sa.String(length=20), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("start", BIG_ID, nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "seq", name=op.f("pk_feed")),
    )
    op.create_index("ix_feed_run_id_seq", "feed", ["run_id", "seq"])
    op.create_index("ix_feed_created_at", "feed", ["created_at"])


def downgrade() -> None:
    op.drop_table("feed")
    op.drop_table("feed_positions")
