"""A service's start brings its database to the newest revision, under a lock: several replicas that
start together migrate once.

A database that is there already is only looked at: Alembic would take ten megabytes for as long as
the process lives. Invariant: a revision's file is named by its number, and the highest is newest.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import IO

import structlog
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import Database

# Any number will do, as long as every replica uses the same one within its own database.
KEY = {"key": 724_150_914}
LOCK, UNLOCK = text("SELECT pg_advisory_lock(:key)"), text("SELECT pg_advisory_unlock(:key)")

log = structlog.get_logger(__name__)


async def upgrade(database: Database, location: Path) -> None:
    """Does nothing when it is at the newest revision already."""
    async with _alone(database) as connection:
        await connection.run_sync(_upgrade, location)


def newest_revision(location: Path) -> str:
    return max(file.stem for file in (location / "versions").glob("[0-9]*.py")).partition("_")[0]


def _upgrade(connection: Connection, location: Path) -> None:
    newest, before = newest_revision(location), _revision_of(connection)
    connection.rollback()
    if before == newest:
        return
    from alembic import command

    from shared.migrations import migrate

    migrate(connection, location, command.upgrade, "head")
    log.info("database_upgraded", before=before, now=newest)


def _revision_of(connection: Connection) -> str | None:
    is_new = not inspect(connection).has_table("alembic_version")
    return None if is_new else connection.scalar(text("SELECT version_num FROM alembic_version"))


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection, while no other replica upgrades."""
    if database.engine.dialect.name == "sqlite":
        # Even the first connections to a new file get in each other's way.
        with _lock_file(database) as lock:
            flock(lock, LOCK_EX)
            async with database.engine.connect() as connection:
                yield connection
        return
    async with database.engine.connect() as connection:
        # The session's, not a transaction's; where an upgrade fails it ends with the process.
        await connection.execute(LOCK, KEY)
        yield connection
        await connection.execute(UNLOCK, KEY)


def _lock_file(database: Database) -> IO[str]:
    return Path(f"{database.engine.url.database}.lock").open("w")
