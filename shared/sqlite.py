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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, Self

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool, StaticPool
from sqlalchemy.util import await_only

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

_TURN = "turn to write"


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

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        return sqlite3

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool if cls._is_url_file_db(url) else StaticPool


registry.register("sqlite.inplace", __name__, InPlaceDialect.__name__)


def sqlite_engine(url: str) -> AsyncEngine:
    """Transactions only read, unless the engine's option `sqlite_writes` is set."""
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+inplace"), connect_args={"factory": _Connection}
    )
    _Turns().watch(engine)
    return engine


class _Turns:
    """Lets one writing transaction begin after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    def watch(self, engine: AsyncEngine) -> None:
        event.listen(engine.sync_engine, "connect", _tune)
        event.listen(engine.sync_engine, "begin", self._begin)
        event.listen(engine.sync_engine, "checkin", self._give_back)

    def _begin(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("sqlite_writes"):
            connection.connection.cursor().execute("BEGIN")
            return
        # Noted where it stays until the connection is back in its pool, however that comes about.
        await_only(self._turn.acquire())
        connection.info[_TURN] = True
        _begin_immediate(connection)

    def _give_back(self, _connection: DBAPIConnection | None, record: Any) -> None:
        if record.info.pop(_TURN, False):
            self._turn.release()


def _begin_immediate(connection: Connection) -> None:
    """Takes the lock at once: upgrading a read lock fails when another writer was faster."""
    cursor = connection.connection.cursor()
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


def _tune(connection: DBAPIConnection, _record: Any) -> None:
    connection.isolation_level = None  # The driver must not begin transactions by itself.
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


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


class InPlaceSession(AsyncSession):
    """Takes plain tables and columns past the session, whose bookkeeping costs more than they do.

    Its connection never awaits once it has begun, so it needs no greenlet either.
    """

    _in_place: Connection | None = None

    @classmethod
    @asynccontextmanager
    async def lent(cls, engine: AsyncEngine, plain: Connection) -> AsyncIterator[Self]:
        """On a connection that somebody else closes."""
        async with cls(AsyncConnection(engine, plain), expire_on_commit=False) as session:
            session._in_place = plain
            yield session

    async def __aexit__(self, *_: object) -> None:
        """What has ended needs no closing, and what never awaits no shield from others."""
        if self.in_transaction():
            await self.close()

    async def execute(self, statement: Any, params: Any = None, **options: Any) -> Any:
        if options or statement._propagate_attrs:  # Entities are the session's.
            return await super().execute(statement, params, **options)
        if not self.sync_session._is_clean():  # As a session does before each statement.
            await self.flush()
        if self._in_place is None:
            self._in_place = (await self.connection()).sync_connection
        return self._in_place.execute(statement, params)  # type: ignore[union-attr]  # it is there

    async def scalars(self, statement: Any, params: Any = None, **options: Any) -> Any:
        return (await self.execute(statement, params, **options)).scalars()

    async def scalar(self, statement: Any, params: Any = None, **options: Any) -> Any:
        return (await self.execute(statement, params, **options)).scalar()
