"""Until when a backend's upload waits for a report that names it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("files", sa.Column("unclaimed_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_files_unclaimed_until", "files", ["unclaimed_until"])


def downgrade() -> None:
    op.drop_index("ix_files_unclaimed_until", "files")
    op.drop_column("files", "unclaimed_until")
