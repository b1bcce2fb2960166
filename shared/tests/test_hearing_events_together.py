"""What need not be done at once is handled with all that comes meanwhile, in one transaction."""

from pathlib import Path

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clients.dead_letters import read_letters
from shared.db import Database
from shared.messaging.consumer import Subscription
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import NoteWritten, copy_note, ledger, listening, notes_in, offer, wrapped

REST_SECONDS = 1.0
TOGETHER = Subscription("copy", NoteWritten, copy_note, REST_SECONDS)
TEXTS = [f"note {number}" for number in range(20)]


async def has(database: Database, *texts: str) -> bool:
    return await notes_in(database) == list(texts)


async def test_what_comes_in_quick_succession_takes_a_few_transactions(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[TOGETHER]) as hearer:
        database: Database = hearer.state.database
        commits: list[object] = []
        sqlalchemy_event.listen(database.engine.sync_engine, "commit", commits.append)
        await offer(hearer, nats.url, *map(wrapped, TEXTS))

        await eventually(lambda: has(database, *TEXTS))
        assert len(commits) < len(TEXTS) // 2


async def test_what_arrives_twice_together_is_handled_once(
    tmp_path: Path, nats: NatsServer
) -> None:
    payload = wrapped("once")
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[TOGETHER]) as hearer:
        await offer(hearer, nats.url, wrapped("first"), payload, payload, wrapped("last"))
        await eventually(lambda: has(hearer.state.database, "first", "once", "last"))


async def test_one_that_fails_takes_nothing_from_those_it_came_with(
    tmp_path: Path, nats: NatsServer
) -> None:
    calls: list[str] = []

    async def fail_once(session: AsyncSession, event: NoteWritten) -> None:
        calls.append(event.text)
        await copy_note(session, event)
        if event.text == "fails" and calls.count("fails") < 3:
            raise RuntimeError("not now")

    subscription = Subscription("copy", NoteWritten, fail_once, REST_SECONDS)
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[subscription]) as hearer:
        await offer(hearer, nats.url, wrapped("first"))
        await eventually(lambda: has(hearer.state.database, "first"))
        await offer(hearer, nats.url, *map(wrapped, ["one", "fails", "two"]))

        # The first at once; then all together, each by itself, and what failed again later.
        await eventually(lambda: has(hearer.state.database, "first", "one", "two", "fails"))
    assert calls == ["first", "one", "fails", "one", "fails", "two", "fails"]


async def test_what_can_never_be_digested_is_kept_apart_and_the_others_are_handled(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[TOGETHER]) as hearer:
        payloads = wrapped("first"), wrapped("one"), b"no event", wrapped("two")
        await offer(hearer, nats.url, *payloads)

        await eventually(lambda: has(hearer.state.database, "first", "one", "two"))
        async with listening(nats.url) as jetstream:
            [letter] = [each async for each in read_letters(jetstream, "hearer")]
    assert letter.payload == b"no event"
