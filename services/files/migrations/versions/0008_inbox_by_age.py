"""What was handled long ago is found without reading all that was handled."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME = "ix_processed_events_processed_at"


def upgrade() -> None:
    op.create_index(op.f(NAME), "processed_events", ["processed_at"])


def downgrade() -> None:
    op.drop_index(op.f(NAME), table_name="processed_events")
