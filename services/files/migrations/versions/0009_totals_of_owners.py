"""What an owner's files take is kept, so that no upload has to sum it up."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "owner_totals",
        sa.Column("owner_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("bytes", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_owner_totals")),
    )
    op.execute(
        "INSERT INTO owner_totals (owner_id, bytes) "
        "SELECT owner_id, SUM(size) FROM files GROUP BY owner_id"
    )


def downgrade() -> None:
    op.drop_table("owner_totals")
