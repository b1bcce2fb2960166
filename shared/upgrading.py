"""A service's start brings its database to the newest revision, under a lock: several replicas that
start together migrate once.

A database that is there already is only looked at: Alembic would take ten megabytes for as long as
the process lives. Invariant: a revision's file is named by its number, and the highest is newest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from shared.db import Database

# Any number will do, as long as every replica uses the same one within its own database.
POSTGRES_LOCK = 724_150_914

log = structlog.get_logger(__name__)


async def upgrade(database: Database, location: Path) -> None:
    """Does nothing when it is at the newest revision already."""
    # On SQLite even the first connections to a new file get in each other's way.
    with _file_locked(database):
        async with database.engine.connect() as connection:
            await connection.run_sync(_upgrade, location)


def newest_revision(location: Path) -> str:
    return max(file.stem for file in (location / "versions").glob("[0-9]*.py")).partition("_")[0]


def _upgrade(connection: Connection, location: Path) -> None:
    with _server_locked(connection):
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


@contextmanager
def _file_locked(database: Database) -> Iterator[None]:
    if database.engine.dialect.name != "sqlite":
        yield
        return
    with Path(f"{database.engine.url.database}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


@contextmanager
def _server_locked(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "sqlite":
        yield
        return
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": POSTGRES_LOCK})
    connection.commit()
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": POSTGRES_LOCK})
        connection.commit()
