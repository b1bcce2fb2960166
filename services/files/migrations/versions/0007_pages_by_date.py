"""Pages by date are read in their order, of one owner and of all."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_files_owner_id_uploaded_at_id"), "files", ["owner_id", "uploaded_at", "id"]
    )
    op.create_index(op.f("ix_files_uploaded_at_id"), "files", ["uploaded_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_files_uploaded_at_id"), table_name="files")
    op.drop_index(op.f("ix_files_owner_id_uploaded_at_id"), table_name="files")
