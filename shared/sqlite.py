"""SQLite without a thread: statements run where they are asked for, on the event loop.

A statement takes tens of microseconds, the way to a thread and back half a millisecond. It is safe
because nothing here waits in SQLite: with a write-ahead log a reader never waits for anybody, and a
writer takes its turn in Python first. Invariant: within one process one transaction writes at a
time; what another process holds up is asked for again, and the event loop goes on meanwhile.

`AsyncConnection.execute` refuses a driver that never awaits: use sessions, or `run_sync`.
"""

import asyncio
import sqlite3
import time
from typing import Any, cast

from sqlalchemy import Connection, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only, greenlet_spawn

from shared.prepared import PreparedStatements

WRITER_WAITS_SECONDS = 10.0
ASK_AGAIN_SECONDS = 0.005
# SQLite's own short locks, as when a log begins anew, are waited for in place.
BUSY_MILLISECONDS = 50
PRAGMAS = (
    # To give a new file its log takes every lock once; then nothing else is going on.
    f"busy_timeout={int(WRITER_WAITS_SECONDS * 1000)}",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_MILLISECONDS}",
)

_CONNECT = "connect"


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """What an AsyncEngine asks of a cursor whose rows are still to be fetched: nothing here."""


class _Connection(sqlite3.Connection):
    def cursor(self, _factory: object = None) -> _Cursor:  # type: ignore[override]  # one kind
        return super().cursor(_Cursor)


class InPlaceDialect(SQLiteDialect_pysqlite):
    """Python's own sqlite3 under an AsyncEngine: nothing in it ever awaits."""

    driver = "inplace"
    is_async = True
    supports_statement_cache = True

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.statements = PreparedStatements(self)

    def do_begin(self, dbapi_connection: Any) -> None:
        """A writer has begun already."""
        if not dbapi_connection.in_transaction:
            dbapi_connection.execute("BEGIN")


registry.register("sqlite.inplace", __name__, InPlaceDialect.__name__)


def sqlite_engine(url: str) -> AsyncEngine:
    """What begins on it by itself is for reading; who writes does so by an `InPlaceSession`."""
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+inplace"),
        # The driver must not begin transactions by itself.
        connect_args={"factory": _Connection, "isolation_level": None},
        poolclass=AsyncAdaptedQueuePool,
    )
    event.listen(engine.sync_engine, "connect", _tune)
    return engine


def _tune(connection: DBAPIConnection, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")


class DataVersion:
    """Whether anybody at all has committed anything, asked on a connection that never writes."""

    def __init__(self, file: str):
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def read(self) -> int:
        if self._connection is None:
            self._connection = sqlite3.connect(self._file, isolation_level=None)
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Session(Session):
    """Does what objects need on the connection that the other has, or takes now."""

    def get_bind(self, *_: Any, **_options: Any) -> Connection:
        return cast(Connection, self.info[_CONNECT]())


class InPlaceSession(AsyncSession):
    """Takes plain tables and columns past the session, whose bookkeeping costs more than they do.

    Its connection never awaits once it has begun, so it needs no greenlet either. With a `turn` it
    writes, and keeps the turn until its connection is back in the pool.
    """

    sync_session_class = _Session
    _in_place: Connection | None = None
    _kept: asyncio.Lock | None = None

    def __init__(self, engine: AsyncEngine, turn: asyncio.Lock | None = None):
        super().__init__(engine, expire_on_commit=False, join_transaction_mode="control_fully")
        self.info[_CONNECT] = self._connect
        self._engine, self._turn = engine.sync_engine, turn
        self._statements = cast(InPlaceDialect, engine.dialect).statements

    def _connect(self) -> Connection:
        """Only here may it have to wait: for its turn, a connection that is free, and the lock."""
        if self._in_place is None:
            if self._turn is not None:
                await_only(self._turn.acquire())
                self._kept = self._turn
            self._in_place = self._engine.connect()
            if self._turn is not None:
                _begin_immediate(self._in_place.connection.cursor())
            self._in_place.begin()
        return self._in_place

    async def __aexit__(self, *_: object) -> None:
        """What never awaits needs no shield from others."""
        try:
            if self.in_transaction():
                self.sync_session.close()
        finally:
            if self._in_place is not None:
                self._in_place.close()
            if self._kept is not None:
                self._kept.release()

    async def commit(self) -> None:
        if self.in_transaction():
            await super().commit()
        if self._in_place is not None:
            self._in_place.commit()

    async def execute(self, statement: Any, params: Any = None, **options: Any) -> Any:
        if options or statement._propagate_attrs:  # Entities are the session's.
            return await super().execute(statement, params, **options)
        if not self.sync_session._is_clean():  # As a session does before each statement.
            await self.flush()
        if self._in_place is None:
            await greenlet_spawn(self._connect)
        connection = self._connect()
        prepared = self._statements.find(statement, params)
        if prepared is None:
            return connection.execute(statement, params)
        return prepared.run(connection, params)

    async def scalars(self, statement: Any, params: Any = None, **options: Any) -> Any:
        return (await self.execute(statement, params, **options)).scalars()

    async def scalar(self, statement: Any, params: Any = None, **options: Any) -> Any:
        return (await self.execute(statement, params, **options)).scalar()


def _begin_immediate(cursor: DBAPICursor) -> None:
    """Takes the lock at once: upgrading a read lock fails when another writer was faster."""
    deadline = time.monotonic() + WRITER_WAITS_SECONDS
    cursor.execute("PRAGMA busy_timeout=0")
    while not _takes_lock(cursor):
        if time.monotonic() > deadline:
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("another writer is at it"))
        await_only(asyncio.sleep(ASK_AGAIN_SECONDS))
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


def _takes_lock(cursor: DBAPICursor) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
