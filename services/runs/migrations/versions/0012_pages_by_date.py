"""Pages by date are read in their order, of one owner and of all."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_runs_owner_id_created_at_id"), "runs", ["owner_id", "created_at", "id"]
    )
    op.create_index(op.f("ix_runs_created_at_id"), "runs", ["created_at", "id"])
    op.create_index(
        op.f("ix_jobs_owner_id_created_at_id"), "jobs", ["owner_id", "created_at", "id"]
    )
    op.create_index(op.f("ix_jobs_created_at_id"), "jobs", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_created_at_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_created_at_id"), table_name="jobs")
    op.drop_index(op.f("ix_runs_created_at_id"), table_name="runs")
    op.drop_index(op.f("ix_runs_owner_id_created_at_id"), table_name="runs")
