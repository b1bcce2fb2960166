"""Logs that were cut at their limit, continued by another backend, or replaced by another text."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("log_base", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("jobs", sa.Column("log_cut_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "jobs", sa.Column("log_edition", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "job_log_chunks",
        sa.Column("is_ours", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("job_log_chunks", "is_ours")
    for name in ("log_edition", "log_cut_at", "log_base"):
        op.drop_column("jobs", name)
