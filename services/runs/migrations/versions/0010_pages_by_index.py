"""Pages by whose and by status are read in their order."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_runs_owner_id_id"), "runs", ["owner_id", "id"])
    op.create_index(op.f("ix_jobs_owner_id_id"), "jobs", ["owner_id", "id"])
    op.create_index(op.f("ix_jobs_owner_id_status_id"), "jobs", ["owner_id", "status", "id"])
    op.create_index(op.f("ix_jobs_status_id"), "jobs", ["status", "id"])
    op.drop_index(op.f("ix_runs_owner_id"), table_name="runs")
    op.drop_index(op.f("ix_jobs_owner_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_status"), table_name="jobs")


def downgrade() -> None:
    op.create_index(op.f("ix_jobs_status"), "jobs", ["status"])
    op.create_index(op.f("ix_jobs_owner_id"), "jobs", ["owner_id"])
    op.create_index(op.f("ix_runs_owner_id"), "runs", ["owner_id"])
    op.drop_index(op.f("ix_jobs_status_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_status_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_id"), table_name="jobs")
    op.drop_index(op.f("ix_runs_owner_id_id"), table_name="runs")
