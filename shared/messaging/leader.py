"""Which replica relays a database's outbox: on Postgres the one whose session holds a lock.

The lock goes with the session, so it is free as soon as its holder is dead, cut off or stopped;
the others ask for it every second. They do not wait in `pg_advisory_lock`, because a statement
that waits for days keeps Postgres from cleaning up after every other one.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from functools import partial

from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.db import SNAPSHOT, Database

# Any number will do, as long as every replica uses the same one within its own database.
LOCK = 724_150_915
WAKE = "mlsploit_outbox"
# A leader whose host vanished, or whose process is stopped, is let go after about this long.
SILENT_SECONDS_MAX = 10

# The version of the database, or None; fails once the lock may be somebody else's.
Check = Callable[[], Awaitable[Hashable | None]]


@asynccontextmanager
async def leadership(database: Database) -> AsyncIterator[Check]:
    """Begins when nobody else leads; ends by closing the session, and with it the lock."""
    if database.is_sqlite:
        yield partial(_version_of_file, database)  # One process has it.
        return
    settings = {
        "idle_session_timeout": f"{SILENT_SECONDS_MAX}s",
        "tcp_keepalives_idle": f"{SILENT_SECONDS_MAX // 2}s",
        "tcp_keepalives_interval": "1s",
        "tcp_keepalives_count": str(SILENT_SECONDS_MAX // 2),
    }
    engine = create_async_engine(
        database.url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"server_settings": settings},
    )
    async with engine.connect() as session:
        await _stand_by(session, database)
        await _listen(session, database)

        async def check() -> Hashable:
            return str(await session.scalar(text(SNAPSHOT)))

        yield check


async def _version_of_file(database: Database) -> Hashable | None:
    """None for one that cannot be read: who looks will tell of it."""
    with suppress(sqlite3.Error):
        return await database.version()
    return None


async def _stand_by(session: AsyncConnection, database: Database) -> None:
    """Until the lock is ours, tell the leader of every commit here that has something to send."""
    while not await session.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}):
        if await database.has_something_to_send():
            await session.execute(text(f"NOTIFY {WAKE}"))


async def _listen(session: AsyncConnection, database: Database) -> None:
    driver = (await session.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.add_listener(WAKE, lambda *_: database.outbox_filled.set())
