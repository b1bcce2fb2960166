import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import delete, func, insert, select

from shared.db import Database
from shared.messaging.broker import Broker
from shared.messaging.line import Ack, Line, failed
from shared.messaging.outbox import BATCH_ROWS_MAX, OutboxRelay
from shared.messaging.tables import outbox
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import ledger, notes_in, told, write_notes

LONG = 30.0


async def waiting_in(database: Database) -> int:
    async with database.reading() as session:
        return (await session.scalars(select(func.count()).select_from(outbox))).one()


async def is_empty(database: Database) -> bool:
    return await waiting_in(database) == 0


@asynccontextmanager
async def lined(nats: NatsServer) -> AsyncIterator[Line]:
    """A line of the test's own."""
    broker = Broker(nats.url, "test")
    await broker.connect()
    try:
        async with broker.line() as line:
            yield line
    finally:
        await broker.close()


def relay_of(database: Database) -> OutboxRelay:
    return OutboxRelay(database, Broker("", ""))


async def readiness(client: httpx.AsyncClient) -> tuple[int, str]:
    answer = await client.get("/readyz")
    return answer.status_code, answer.json()["checks"]["nats"]


async def test_events_leave_in_the_order_of_their_transactions(
    tmp_path: Path, nats: NatsServer
) -> None:
    expected = [f"note {number}" for number in range(150)]
    async with ledger(tmp_path, "ledger", nats.url) as app:
        for text in expected[:10]:
            await write_notes(app.state.database, text)
        await write_notes(app.state.database, *expected[10:])

        await eventually(lambda: is_empty(app.state.database))
        assert await told(nats.url) == expected


async def test_what_is_rolled_back_is_never_told(tmp_path: Path, nats: NatsServer) -> None:
    async with ledger(tmp_path, "ledger", nats.url) as app:
        database: Database = app.state.database
        with pytest.raises(ValidationError):
            await write_notes(database, "a note", 1)  # type: ignore[arg-type]
        await write_notes(database, "another note")

        await eventually(lambda: is_empty(database))
        assert await told(nats.url) == ["another note"]
        assert await notes_in(database) == ["another note"]


async def test_a_killed_nats_loses_nothing(tmp_path: Path, nats: NatsServer) -> None:
    async with ledger(tmp_path, "ledger", nats.url) as app:
        database: Database = app.state.database
        await write_notes(database, "before")
        await eventually(lambda: is_empty(database))

        await nats.kill()
        await write_notes(database, "meanwhile", "meanwhile too")
        assert await waiting_in(database) == 2
        await nats.start()

        await eventually(lambda: is_empty(database), within=LONG)
        assert await told(nats.url) == ["before", "meanwhile", "meanwhile too"]


async def test_a_service_starts_and_writes_without_nats_and_tells_later(
    tmp_path: Path, nats: NatsServer
) -> None:
    await nats.kill()
    async with ledger(tmp_path, "ledger", nats.url) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
            await write_notes(app.state.database, "early")
            assert await readiness(client) == (503, "not connected")

            await nats.start()

            async def is_ready() -> bool:
                return await readiness(client) == (200, "ok")

            await eventually(is_ready, within=LONG)
            await eventually(lambda: is_empty(app.state.database), within=LONG)
    assert await told(nats.url) == ["early"]


async def test_readiness_follows_the_connection(tmp_path: Path, nats: NatsServer) -> None:
    async with ledger(tmp_path, "ledger", nats.url) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:

            async def is_ready() -> bool:
                return await readiness(client) == (200, "ok")

            async def is_unready() -> bool:
                return await readiness(client) == (503, "not connected")

            await eventually(is_ready)
            await nats.kill()
            await eventually(is_unready)
            await nats.start()
            await eventually(is_ready, within=LONG)


async def test_an_event_that_another_process_committed_is_relayed(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "ledger", nats.url) as app:
        await app.state.broker.ready.wait()
        # Its own engine on the same file, as a command line has: it wakes nobody here.
        elsewhere = Database(app.state.database.url)
        await write_notes(elsewhere, "from elsewhere")
        await elsewhere.close()

        await eventually(lambda: is_empty(app.state.database))
        assert await told(nats.url) == ["from elsewhere"]


async def test_a_crash_between_sending_and_deleting_costs_no_second_event(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "ledger", nats_url="") as app, lined(nats) as line:
        database: Database = app.state.database
        await write_notes(database, "once")
        async with database.reading() as session:
            row = (await session.execute(select(outbox))).one()
        assert await relay_of(database).send_batch(line) == 1

        # As if the deletion had never been committed.
        async with database.transaction() as session:
            await session.execute(delete(outbox))
            await session.execute(insert(outbox).values(dict(row._mapping)))
        assert await relay_of(database).send_batch(line) == 1

        assert await told(nats.url) == ["once"]


async def test_two_relays_of_one_outbox_tell_each_event_once_and_in_order(
    tmp_path: Path, nats: NatsServer
) -> None:
    expected = [f"note {number}" for number in range(60)]
    async with ledger(tmp_path, "ledger", nats_url="") as app, lined(nats) as one:
        await write_notes(app.state.database, *expected)
        async with lined(nats) as other:
            relays = [(relay_of(app.state.database), line) for line in (one, other)]
            await asyncio.gather(*(relay.send_batch(line) for relay, line in relays))
            await asyncio.gather(*(relay.delete_sent() for relay, _ in relays))

        assert await waiting_in(app.state.database) == 0
        assert await told(nats.url) == expected


async def test_what_was_sent_is_deleted_many_at_once_and_sent_no_second_time_before(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "ledger", nats_url="") as app, lined(nats) as line:
        database: Database = app.state.database
        relay = relay_of(database)
        for text in ("one", "two"):
            await write_notes(database, text)
            assert await relay.send_batch(line) == 1
        assert await relay.send_batch(line) == 0
        assert await waiting_in(database) == 2

        await write_notes(database, *map(str, range(BATCH_ROWS_MAX - 2)))
        assert await relay.send_batch(line) == BATCH_ROWS_MAX - 2
        assert await waiting_in(database) == 0


async def test_what_cannot_be_sent_now_stays_and_what_was_sent_does_not(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "ledger", nats_url="") as app, lined(nats) as line:
        database: Database = app.state.database
        await write_notes(database, "sent", "stays")

        class Failing(Line):
            async def send(self, messages: Sequence[Any]) -> list[Ack]:
                return [*await line.send(messages[:1]), failed(TimeoutError())]

        with pytest.raises(TimeoutError):
            await relay_of(database).send_batch(Failing(timeout_seconds=1))
        assert await waiting_in(database) == 1
        assert await told(nats.url) == ["sent"]


async def test_what_was_on_its_way_when_nats_died_is_told_once_and_in_order(
    tmp_path: Path, nats: NatsServer
) -> None:
    expected = [f"note {number}" for number in range(2000)]
    async with ledger(tmp_path, "ledger", nats.url) as app:
        database: Database = app.state.database
        await write_notes(database, *expected)

        async def is_half_sent() -> bool:
            return await waiting_in(database) < len(expected) // 2

        await eventually(is_half_sent)
        await nats.kill()
        assert await waiting_in(database) > 0
        await nats.start()

        await eventually(lambda: is_empty(database), within=LONG)
        assert await told(nats.url) == expected


async def test_what_nats_would_refuse_for_its_size_is_refused_at_once(tmp_path: Path) -> None:
    async with ledger(tmp_path, "ledger", nats_url="") as app:
        database: Database = app.state.database
        with pytest.raises(ValueError, match="at most"):
            await write_notes(database, "x" * 1024 * 1024)

        assert await notes_in(database) == []


async def test_a_connection_that_is_given_up_halfway_is_closed() -> None:
    has_come, has_gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_come.set()
        with closing(writer):
            await reader.read()
        has_gone.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        connecting = asyncio.create_task(Broker(f"nats://127.0.0.1:{port}", "test").connect())
        await has_come.wait()
        # Nothing may do it by chance.
        gc.disable()
        try:
            while not connecting.done():  # One that meets the connection is swallowed.
                connecting.cancel()
                await asyncio.wait([connecting], timeout=0.05)
            async with asyncio.timeout(LONG):
                await has_gone.wait()
        finally:
            gc.enable()
