"""Replicas on Postgres: one relays, the others wait; whatever becomes of it, nothing is lost."""

import asyncio
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select, text, update

from dev.environment import ROOT
from shared import db
from shared.db import SNAPSHOT, Database
from shared.messaging.broker import Broker
from shared.messaging.leader import leadership
from shared.messaging.outbox import OutboxRelay, publish
from shared.testing.eventually import eventually
from shared.testing.postgres import PostgresServer
from shared.testing.processes import NatsServer
from shared.tests.ledger import METADATA, NOTES, NoteWritten, told, write_notes
from shared.tests.test_telling_events import is_empty

LONG = 60.0
THINGS = 4
CHANGES = 60


@dataclass
class Replica:
    process: asyncio.subprocess.Process
    _reading: asyncio.Task[None]
    leads: bool = False


@asynccontextmanager
async def replica(database_url: str, nats_url: str) -> AsyncIterator[Replica]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.tests.relay_process", database_url, nats_url),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )

    async def read() -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            if b"outbox_leads" in line or b"outbox_waits" in line:
                found.leads = b"outbox_leads" in line

    found = Replica(process, asyncio.create_task(read()))
    try:
        yield found
    finally:
        if process.returncode is None:
            process.kill()
        await found._reading
        await process.wait()


@asynccontextmanager
async def replicas(database: Database, nats: NatsServer) -> AsyncIterator[list[Replica]]:
    """Three, of which one leads."""
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(replica(database.url, nats.url)) for _ in range(3)
        ]
        await the_leader(started)
        yield started


async def the_leader(among: list[Replica]) -> Replica:
    async def look() -> list[Replica]:
        return [each for each in among if each.leads]

    [leading] = await eventually(look, within=LONG)
    return leading


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    opened = Database(await postgres.empty_database("relays"))
    async with opened.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield opened
    await opened.close()


async def change(database: Database, thing: int) -> None:
    """The next change of a thing, made as runs makes its own: with the thing's row locked."""
    async with database.transaction() as session:
        mine = NOTES.c.id == thing
        row = (await session.execute(select(NOTES).where(mine).with_for_update())).one()
        count = int(row.text) + 1
        await session.execute(update(NOTES).where(mine).values(text=str(count)))
        await publish(session, NoteWritten(text=f"{thing}:{count}"))


async def change_them_all(database: Database) -> None:
    """Two writers for each thing, and all things at once."""

    async def change_often(thing: int) -> None:
        for _ in range(CHANGES // 2):
            await change(database, thing)

    async with database.transaction() as session:
        rows = [{"id": thing, "text": "0"} for thing in range(THINGS)]
        await session.execute(insert(NOTES), rows)
    async with asyncio.TaskGroup() as writers:
        for thing in range(THINGS):
            writers.create_task(change_often(thing))
            writers.create_task(change_often(thing))


async def told_by_thing(nats: NatsServer) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for note in await told(nats.url):
        thing, _, count = note.partition(":")
        found[int(thing)].append(int(count))
    return dict(found)


ALL = {thing: list(range(1, CHANGES + 1)) for thing in range(THINGS)}


async def test_killed_leaders_cost_no_event_none_twice_and_no_order(
    database: Database, nats: NatsServer
) -> None:
    async with replicas(database, nats) as running:
        writing = asyncio.create_task(change_them_all(database))
        for _ in range(2):
            leading = await the_leader(running)
            leading.process.kill()
            running.remove(leading)
        await writing
        await eventually(lambda: is_empty(database), within=LONG)

    assert await told_by_thing(nats) == ALL


async def test_a_leader_that_lost_its_session_leads_no_more(
    database: Database, nats: NatsServer
) -> None:
    end_session = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    )
    async with replicas(database, nats) as running:
        leading = await the_leader(running)
        writing = asyncio.create_task(change_them_all(database))
        async with database.engine.connect() as connection:
            await connection.execute(text(end_session))

        assert await the_leader([each for each in running if each is not leading])
        await writing
        await eventually(lambda: is_empty(database), within=LONG)
        assert not leading.leads

    assert await told_by_thing(nats) == ALL


async def test_a_leader_that_is_stopped_is_replaced_and_wakes_up_harmless(
    database: Database, nats: NatsServer
) -> None:
    async with replicas(database, nats) as running:
        leading = await the_leader(running)
        writing = asyncio.create_task(change_them_all(database))
        leading.process.send_signal(signal.SIGSTOP)
        try:
            await the_leader([each for each in running if each is not leading])
            await writing
            await eventually(lambda: is_empty(database), within=LONG)
        finally:
            leading.process.send_signal(signal.SIGCONT)

        async def stands_by() -> bool:
            return not leading.leads

        await eventually(stands_by, within=LONG)

    assert await told_by_thing(nats) == ALL


async def test_a_commit_in_another_replica_wakes_the_leader(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A look "now and then" would come too late to pass this test.
    monkeypatch.setattr(db, "LOOK_AGAIN_SECONDS", 10 * LONG)
    elsewhere = Database(database.url)

    async def stand_by() -> None:
        async with leadership(elsewhere):
            raise AssertionError("two lead")

    async with leadership(database):
        standing_by = asyncio.create_task(stand_by())
        await write_notes(elsewhere, "woken")
        async with asyncio.timeout(LONG):
            await database.outbox_filled.wait()
        standing_by.cancel()
        with suppress(asyncio.CancelledError):
            await standing_by
    await elsewhere.close()


async def test_a_leader_at_rest_asks_only_whether_anything_was_written(
    database: Database, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "LOOK_AGAIN_SECONDS", 0.01)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    broker = Broker(nats.url, "test")
    await broker.connect()
    event.listen(Engine, "before_cursor_execute", note)
    leading = asyncio.create_task(OutboxRelay(database, broker).run())
    try:
        await write_notes(database, "the last for now")
        await eventually(lambda: is_empty(database), within=LONG)

        async def asks_only_that() -> bool:
            return asked[-5:] == [SNAPSHOT] * 5

        await eventually(asks_only_that, within=LONG)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        leading.cancel()
        with suppress(asyncio.CancelledError):
            await leading
        await broker.close()


async def test_a_killed_and_wiped_nats_is_told_the_rest_once_and_in_order(
    database: Database, nats: NatsServer
) -> None:
    async with replicas(database, nats) as running:
        await the_leader(running)
        writing = asyncio.create_task(change_them_all(database))
        await nats.kill()
        nats.wipe()
        await nats.start()
        await writing
        await eventually(lambda: is_empty(database), within=LONG)

    found = await told_by_thing(nats)
    assert found
    for counts in found.values():
        assert counts == list(range(counts[0], CHANGES + 1))
