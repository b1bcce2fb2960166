"""Pages by date are read in their order, of one owner and of all."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_pipelines_owner_id_created_at_id"), "pipelines", ["owner_id", "created_at", "id"]
    )
    op.create_index(op.f("ix_pipelines_created_at_id"), "pipelines", ["created_at", "id"])
    op.create_index(op.f("ix_pipelines_owner_id_id"), "pipelines", ["owner_id", "id"])
    op.drop_index(op.f("ix_pipelines_owner_id"), table_name="pipelines")


def downgrade() -> None:
    op.create_index(op.f("ix_pipelines_owner_id"), "pipelines", ["owner_id"])
    op.drop_index(op.f("ix_pipelines_owner_id_id"), table_name="pipelines")
    op.drop_index(op.f("ix_pipelines_created_at_id"), table_name="pipelines")
    op.drop_index(op.f("ix_pipelines_owner_id_created_at_id"), table_name="pipelines")
