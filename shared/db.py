"""One database per service; the edge owns the transaction.

Commits happen here and nowhere else.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from shutil import disk_usage
from socket import gaierror
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Mapped
from sqlalchemy.types import TypeDecorator
from sqlalchemy.util import greenlet_spawn

from shared import audit
from shared.messaging.tables import OUTBOX_FILLED
from shared.sqlite import DataVersion, InPlaceSession, sqlite_engine

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
# Rows written by another process (a command line) wake nobody here; look now and then.
LOOK_AGAIN_SECONDS = 1.0
# Which transactions can be seen; every one that writes makes it another one.
SNAPSHOT = "SELECT pg_current_snapshot()::text"
# With less than this free, only trying tells whether anything can be written.
FREE_BYTES_MIN = 64 * 1024 * 1024
T = TypeVar("T")
# On a session's `info`: what is still to be written when its transaction ends.
_LAST_WRITES = "last_writes"
LastWrite = Callable[[AsyncSession], Awaitable[None]]
NewSession = Callable[[], AsyncSession]

# SQLite numbers rows by itself only for a column declared INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# An id that was deleted must never come back: other services may still hold it.
TABLE_OPTIONS = {"sqlite_autoincrement": True}


def service_metadata() -> sa.MetaData:
    """A service's own metadata: two services may name a table alike without meeting."""
    return sa.MetaData(naming_convention=NAMING_CONVENTION)


def table_of(model: type) -> sa.Table:
    """The plain table behind a model, for joins."""
    return sa.inspect(model).local_table


def col(attribute: T) -> Mapped[T]:
    """The plain column behind a model's attribute: a statement of these alone asks no ORM."""
    return attribute.property.columns[0]  # type: ignore[attr-defined, no-any-return]  # a model's


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in, aware out. SQLite keeps no zone, so UTC is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def result_processor(self, dialect: sa.Dialect, _coltype: object) -> Any:
        """Several times as fast as to make it naive first; PostgreSQL's driver gives aware ones."""
        return _utc_of if dialect.name == "sqlite" else None


def _utc_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


# Disconnected or not yet ready, out of resources, rolled back for the sake of another transaction:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
# 25006 is a server that only reads, as one that stands by until another fails.
PASSING_STATES = ("08", "25006", "40", "53", "55P03", "57P")
# The same of SQLite: locked, or a disk that is full, fails or is read only.
_PASSING = ("BUSY", "FULL", "IOERR", "CANTOPEN", "READONLY")
PASSING_CODES = frozenset(getattr(sqlite3, f"SQLITE_{name}") for name in _PASSING)


def is_on_sqlite(session: AsyncSession) -> bool:
    return isinstance(session, InPlaceSession)


async def lock_name(session: AsyncSession, *names: str, is_alone: bool) -> None:
    """Until the transaction ends nobody has these names alone, or, `is_alone`, nobody else at all.

    For what is not there, and so has no row to lock. On SQLite nobody else writes anyway.
    """
    if not is_on_sqlite(session):
        function = "pg_advisory_xact_lock" + ("" if is_alone else "_shared")
        # Two numbers: locks of one number are other people's.
        locks = [f"{function}(1, hashtext(:name{number}))" for number in range(len(names))]
        taken = {f"name{number}": name for number, name in enumerate(names)}
        await session.execute(sa.text(f"SELECT {', '.join(locks)}"), taken)


def write_last(session: AsyncSession, write: LastWrite) -> None:
    """Call it just before the transaction commits, once all else is written."""
    session.info.setdefault(_LAST_WRITES, []).append(write)


async def _write_last(session: AsyncSession) -> None:
    if writes := session.info.get(_LAST_WRITES):
        await session.flush()
        for write in writes:
            await write(session)


def will_pass(error: Exception) -> bool:
    """Whether the same work may succeed in a moment: the database is away, or was too busy."""
    if not isinstance(error, DBAPIError):
        # A container that is being started again has no name meanwhile.
        return isinstance(error, ConnectionError | TimeoutError | NoConnectionFree | gaierror)
    state = getattr(error.orig, "sqlstate", None) or ""
    # The lowest byte is the kind; the rest says more of it.
    is_away = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in PASSING_CODES
    is_late = isinstance(error.orig, TimeoutError)
    return error.connection_invalidated or is_away or is_late or state.startswith(PASSING_STATES)


def _refuse_closed(connection: Any, *_: object) -> None:
    """By a server that was stopped meanwhile, say; the pool then opens another one.

    The event loop has heard of it. To ask the server each time would take three round trips.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


class Database:
    """An engine, and the two ways to use it: `transaction()` writes, `reading()` does not."""

    def __init__(self, url: str):
        self.url = url
        self.outbox_filled = asyncio.Event()
        # Whether the last who tried to write could not.
        self.is_in_doubt = False
        # Turns of those that hold a connection for seconds; all others need one for milliseconds.
        self.long_reads = asyncio.Semaphore(2)
        # Called with the session of each transaction, once it is committed.
        self.on_commit: list[Callable[[AsyncSession], None]] = []
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine = sqlite_engine(url)
            self._new_reader: NewSession = partial(InPlaceSession, self.engine)
            self._new_writer: NewSession = partial(InPlaceSession, self.engine, asyncio.Lock())
            self._version = DataVersion(self.engine.url.database or "")
        else:
            self.engine = create_async_engine(url)
            sa.event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
            self._bare = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            # By default every statement there would see a state of its own.
            steady = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            reader = self.engine.execution_options(**steady)
            self._new_reader = partial(AsyncSession, reader, expire_on_commit=False)
            self._new_writer = partial(AsyncSession, self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self, *, is_noted: bool = True) -> AsyncIterator[AsyncSession]:
        """Commit at the end, or roll back on any error; a commit with events wakes the relay.

        What an administrator does with it is noted, but for our own book-keeping.
        """
        async with self._new_writer() as session:
            try:
                yield session
                noted = await audit.note(session) if is_noted else None
                await _write_last(session)
                await session.commit()
            except DBAPIError:
                self.is_in_doubt = True
                raise
            self.is_in_doubt = False
            if noted is not None:
                audit.tell(noted)
            if session.info.get(OUTBOX_FILLED):
                self.outbox_filled.set()
            for hear in self.on_commit:
                hear(session)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One consistent snapshot; never commits, never waits for a writer."""
        # Takes a connection with its first statement, not before: who holds one must not wait for
        # another, as for that of `version`.
        async with self._new_reader() as session:
            yield session

    async def looks_writable(self) -> bool:
        """By the last who tried, and as far as can be told without writing."""
        if self.is_in_doubt:
            return False
        if self.is_sqlite:
            file = self.engine.url.database or ""
            return os.access(file, os.W_OK) and disk_usage(file).free > FREE_BYTES_MIN
        return await self._ask("SHOW transaction_read_only") == "off"

    async def has_something_to_send(self) -> bool:
        """At once when a commit here filled the outbox; else, after a second, perhaps."""
        try:
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await self.outbox_filled.wait()
        except TimeoutError:
            return False
        self.outbox_filled.clear()
        return True

    async def version(self) -> Hashable:
        """Alike twice means that nothing was committed in between, by whomever."""
        if self.is_sqlite:
            return self._version.read()
        return await self._ask(SNAPSHOT)

    async def _ask(self, question: str) -> str:
        """Of the server, outside of any transaction; by the shortest way, since it is so often."""

        def ask() -> str:
            with self._bare.sync_engine.connect() as connection:
                return str(connection.exec_driver_sql(question).scalar())

        return await greenlet_spawn(ask)

    async def close(self) -> None:
        if self.is_sqlite:
            self._version.close()
        await self.engine.dispose()


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


# For a route that must not hold a transaction while it asks another service or does slow work.
DatabaseDep = Annotated[Database, Depends(_database)]


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with (await _database(request)).transaction() as session:
        yield session


async def _read_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with (await _database(request)).reading() as session:
        yield session


# scope="function": the commit happens before the answer is sent, so a failed commit is never a 201.
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
ReadSessionDep = Annotated[AsyncSession, Depends(_read_session, scope="function")]
