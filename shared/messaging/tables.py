"""The tables every service carries: outbox, processed_events, idempotency_keys, audit_log.

They stand in one module so that a service's metadata, and so its first migration, has them all.
"""

import sqlalchemy as sa

_metadata = sa.MetaData()
# On a session's `info`: the rows of the outbox that its commit writes; it wakes the relay.
OUTBOX_FILLED = "outbox_filled"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

outbox = sa.Table(
    "outbox",
    _metadata,
    # Never reused, so a position that was sent can be deleted without doubt.
    sa.Column("position", _BIG_ID, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)

processed_events = sa.Table(
    "processed_events",
    _metadata,
    sa.Column("subscription", sa.String(100), primary_key=True),
    sa.Column("event_id", sa.String(64), primary_key=True),
    sa.Column("processed_at", sa.DateTime(timezone=True), nullable=False),
)

# What shared/idempotency.py keeps; a row without a status is a request still at work.
idempotency_keys = sa.Table(
    "idempotency_keys",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("body_bytes", sa.BigInteger),
    sa.Column("answer", sa.LargeBinary),
)


# What administrators did (shared/audit.py).
audit_log = sa.Table(
    "audit_log",
    _metadata,
    sa.Column("id", _BIG_ID, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("target", sa.String(500), nullable=False),
    sa.Column("client", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sqlite_autoincrement=True,
)


def add_messaging_tables(metadata: sa.MetaData) -> None:
    for table in _metadata.tables.values():
        table.to_metadata(metadata)
