"""Pages by whose are read in their order."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_files_owner_id_id"), "files", ["owner_id", "id"])
    op.drop_index(op.f("ix_files_owner_id"), table_name="files")


def downgrade() -> None:
    op.create_index(op.f("ix_files_owner_id"), "files", ["owner_id"])
    op.drop_index(op.f("ix_files_owner_id_id"), table_name="files")
