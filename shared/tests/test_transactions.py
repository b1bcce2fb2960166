"""Commits happen at the edge, whole or not at all; writers queue and readers never wait."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry

from shared.db import Database, SessionDep, UtcDateTime
from shared.testing.postgres import PostgresServer

METADATA = MetaData()
NOTES = Table(
    "notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, unique=True, nullable=False),
    Column("moment", UtcDateTime),
)


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url or f"sqlite+aiosqlite:///{tmp_path}/notes.sqlite3")
    async with opened.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield opened
    await opened.close()


async def _numbers(database: Database) -> list[int]:
    async with database.reading() as session:
        return [*(await session.scalars(select(NOTES.c.number).order_by(NOTES.c.number)))]


async def _write_then_fail(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=1))
        raise LookupError


async def test_a_transaction_that_fails_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(LookupError):
        await _write_then_fail(database)

    assert await _numbers(database) == []


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    async with database.reading() as session:
        before = (await session.scalars(select(NOTES.c.number))).all()
        async with database.transaction() as other:
            await other.execute(insert(NOTES).values(number=1))
        after = (await session.scalars(select(NOTES.c.number))).all()

    assert (before, after) == ([], [])
    assert await _numbers(database) == [1]


async def test_on_postgresql_a_reader_cannot_write(postgres: PostgresServer) -> None:
    database = Database(await postgres.empty_database("shared"))
    with pytest.raises(DBAPIError, match="read-only"):
        async with database.reading() as session:
            await session.execute(text("CREATE TABLE written (id int)"))
    await database.close()


async def test_connections_that_the_server_has_cut_are_made_anew(postgres: PostgresServer) -> None:
    database = Database(await postgres.empty_database("shared"))
    async with database.reading() as session:
        await session.execute(text("SELECT 1"))

    await postgres.empty_database("shared")

    async with database.reading() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_many_writers_at_once_queue_instead_of_failing(database: Database) -> None:
    async def read_then_write(number: int) -> None:
        async with database.transaction() as session:
            # Reading first is what makes SQLite refuse a deferred transaction its write lock.
            await session.execute(select(NOTES))
            await asyncio.sleep(0)  # tidy: allow no-sleep - lets the other writers in between
            await session.execute(insert(NOTES).values(number=number))

    await asyncio.gather(*(read_then_write(number) for number in range(20)))

    assert await _numbers(database) == list(range(20))


async def test_more_readers_at_once_than_there_are_connections_wait_for_each_other(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path}/notes.sqlite3")

    async def read() -> object:
        async with database.reading() as session:
            await asyncio.sleep(0)  # tidy: allow no-sleep - lets the others in between
            return await session.scalar(text("SELECT 1"))

    assert await asyncio.gather(*(read() for _ in range(40))) == [1] * 40
    await database.close()


async def test_a_writer_waits_for_another_process_without_holding_up_its_own(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    ours, theirs = Database(url), Database(url)
    async with ours.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)

    async with theirs.transaction() as session:
        await session.execute(insert(NOTES).values(number=1))
        waiting = asyncio.create_task(_write(ours, 2))
        # Were it waiting in place, nothing below would be reached while the other one writes.
        for _ in range(20):
            await asyncio.sleep(0.001)  # tidy: allow no-sleep - lets the writer ask and ask again
        assert not waiting.done()
        assert await _numbers(ours) == []
    await waiting

    assert await _numbers(ours) == [1, 2]
    await ours.close()
    await theirs.close()


async def test_a_writer_that_is_cancelled_while_it_waits_leaves_the_turn_to_others(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path}/notes.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=1))
        waiting = [asyncio.create_task(_write(database, number)) for number in (2, 3)]
        await asyncio.sleep(0)  # tidy: allow no-sleep - both have begun to wait
        waiting[0].cancel()
    await asyncio.wait(waiting)

    assert waiting[0].cancelled()
    assert await _numbers(database) == [1, 3]
    await database.close()


async def test_writers_that_wait_leave_the_connections_to_readers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/notes.sqlite3")
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    pool: Any = database.engine.pool
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=0))
        writers = [asyncio.create_task(_write(database, number)) for number in range(1, 40)]
        await asyncio.sleep(0)  # tidy: allow no-sleep - all have begun to wait
        assert pool.checkedout() == 1
        assert await _numbers(database) == []
    await asyncio.gather(*writers)

    assert await _numbers(database) == list(range(40))
    await database.close()


class Note:
    """A row of NOTES as an object."""

    def __init__(self, number: int):
        self.number = number


registry().map_imperatively(Note, NOTES)


async def test_objects_and_plain_rows_are_written_together_in_whatever_order(
    database: Database,
) -> None:
    async with database.transaction() as session:
        session.add(Note(1))
        await session.execute(insert(NOTES).values(number=2))
        session.add(Note(3))

    assert await _numbers(database) == [1, 2, 3]


async def test_plain_rows_are_written_also_when_no_object_has_changed(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=1))
        dropped = Note(2)
        session.add(dropped)
        session.expunge(dropped)

    assert await _numbers(database) == [1]


async def test_objects_and_plain_rows_are_undone_together(database: Database) -> None:
    async def write_then_fail() -> None:
        async with database.transaction() as session:
            await session.execute(insert(NOTES).values(number=1))
            session.add(Note(2))
            await session.flush()
            await session.execute(insert(NOTES).values(number=3))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_then_fail()

    assert await _numbers(database) == []
    await _write(database, 4)
    assert await _numbers(database) == [4]


async def _write(database: Database, number: int) -> None:
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=number))


async def test_a_reader_does_not_wait_for_a_writer_and_sees_a_whole_state(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=1))
        assert await _numbers(database) == []

    assert await _numbers(database) == [1]


async def test_a_failed_commit_is_never_answered_with_success(database: Database) -> None:
    app = FastAPI()
    app.state.database = database

    @app.post("/notes", status_code=201)
    async def create_note(session: Annotated[AsyncSession, Depends(_spoiled)]) -> dict[str, str]:
        await session.execute(insert(NOTES).values(number=1))
        return {"status": "written"}

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes.test") as client:
        answer = await client.post("/notes")

    assert answer.status_code == 500
    assert await _numbers(database) == []


async def _spoiled(session: SessionDep) -> AsyncSession:
    """A session whose commit will fail."""

    async def fail() -> None:
        raise ConnectionError

    session.commit = fail  # type: ignore[method-assign]
    return session


async def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    noon_in_tokyo = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=9)))
    async with database.transaction() as session:
        await session.execute(insert(NOTES).values(number=1, moment=noon_in_tokyo))

    async with database.reading() as session:
        moment = await session.scalar(select(NOTES.c.moment))

    assert moment == noon_in_tokyo
    assert moment.tzinfo is UTC
