"""Dead letters live on a stream; those that are here leave for it through the outbox."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LETTERS = sa.table(
    "dead_letters",
    sa.column("subscription", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("payload", sa.LargeBinary()),
    sa.column("reason", sa.Text()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
OUTBOX = sa.table(
    "outbox",
    sa.column("message_id", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("payload", sa.LargeBinary()),
    sa.column("headers", sa.JSON()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    connection = op.get_bind()
    for letter in connection.execute(sa.select(LETTERS)).all():
        reason = " ".join(letter.reason.encode("ascii", "backslashreplace").decode().split())
        row = {
            "message_id": str(uuid4()),
            "subject": f"mlsploit.dead.runs.{letter.subscription}",
            "payload": letter.payload,
            "headers": {"Mlsploit-Reason": reason[:2000], "Mlsploit-Subject": letter.subject},
            "created_at": letter.created_at,
        }
        connection.execute(sa.insert(OUTBOX).values(row))
    op.drop_table("dead_letters")


def downgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("subscription", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sqlite_autoincrement=True,
    )
