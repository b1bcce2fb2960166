"""The tables every service carries: outbox, processed_events, dead_letters, idempotency_keys.

They stand in one module so that a service's metadata, and so its first migration, has them all.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

_metadata = MetaData()
# Set on a session's `info` when it has written to the outbox, so that its commit wakes the relay.
OUTBOX_FILLED = "outbox_filled"

_BIG_ID = BigInteger().with_variant(Integer, "sqlite")

outbox = Table(
    "outbox",
    _metadata,
    # Never reused, so a position that was sent can be deleted without doubt.
    Column("position", _BIG_ID, primary_key=True, autoincrement=True),
    Column("message_id", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)

processed_events = Table(
    "processed_events",
    _metadata,
    Column("subscription", String(100), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("processed_at", DateTime(timezone=True), nullable=False),
)

dead_letters = Table(
    "dead_letters",
    _metadata,
    Column("id", _BIG_ID, primary_key=True, autoincrement=True),
    Column("subscription", String(100), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)

# What shared/idempotency.py keeps; a row without a status is a request still at work.
idempotency_keys = Table(
    "idempotency_keys",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    Column("status", Integer),
    Column("fingerprint", String(64)),
    Column("body_bytes", BigInteger),
    Column("answer", LargeBinary),
)


def add_messaging_tables(metadata: MetaData) -> None:
    for table in _metadata.tables.values():
        table.to_metadata(metadata)
