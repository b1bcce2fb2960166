"""Alembic without ceremony: each service brings revisions, this brings them to its database.

A service's `migrations/env.py` calls `run`; its start calls `upgrade`, which takes a lock so that
several replicas starting together migrate once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any, Literal

import structlog
from alembic import command, context
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlmodel import AutoString

from shared.db import Database, UtcDateTime

# Any number will do, as long as every replica uses the same one within its own database.
POSTGRES_LOCK = 724_150_914

log = structlog.get_logger(__name__)


def config_for(location: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(location))
    return config


async def upgrade(database: Database, location: Path) -> None:
    """Bring the database to the newest revision; does nothing when it is there already."""
    async with database.engine.connect() as connection:
        await connection.run_sync(_upgrade, location, database.engine.url.database)


def _upgrade(connection: Connection, location: Path, file: str | None) -> None:
    with _locked(connection, file):
        head = ScriptDirectory.from_config(config_for(location)).get_current_head()
        before = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        if before == head:
            return
        migrate(connection, location, command.upgrade, "head")
        log.info("database_upgraded", before=before, now=head)


def migrate(
    connection: Connection, location: Path, direction: Callable[[Config, str], None], to: str
) -> None:
    """`command.upgrade` or `command.downgrade`, by one transaction, to this revision."""
    config = config_for(location)
    config.attributes["connection"] = connection
    with _loose_foreign_keys(connection):
        direction(config, to)


@contextmanager
def _loose_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew; dropping the old one would take its children."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()  # Within a transaction the next line would do nothing.
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")


@contextmanager
def _locked(connection: Connection, file: str | None) -> Iterator[None]:
    if connection.dialect.name == "sqlite":
        with Path(f"{file}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield
        return
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": POSTGRES_LOCK})
    connection.commit()
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": POSTGRES_LOCK})
        connection.commit()


def run(metadata: MetaData) -> None:
    """What `migrations/env.py` calls: online only, on the connection that `upgrade` brought."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render_plain_types,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def _render_plain_types(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Migrations must not import application code, which moves while they stay."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False
