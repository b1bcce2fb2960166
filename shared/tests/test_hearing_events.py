import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clients.dead_letters import Letter, read_letters
from shared.db import Database
from shared.events.base import Event
from shared.messaging import consumer
from shared.messaging.consumer import Subscription, handle_once
from shared.messaging.tables import outbox, processed_events
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import (
    NoteWritten,
    copy_note,
    keep_note,
    ledger,
    listening,
    notes_in,
    offer,
    wrapped,
    write_notes,
)

LONG = 30.0
COPY = Subscription("copy", NoteWritten, copy_note)


async def has(database: Database, *texts: str) -> bool:
    return await notes_in(database) == list(texts)


async def letters_of(nats: NatsServer, service: str = "hearer") -> list[Letter]:
    async with listening(nats.url) as jetstream:
        return [letter async for letter in read_letters(jetstream, service)]


class Failing:
    """A handler that fails the first times, after it has written."""

    def __init__(self, times: int, error: Exception | None = None):
        self.left = times
        self.error = error or RuntimeError("not now")
        self.called_at: list[float] = []

    @property
    def calls(self) -> int:
        return len(self.called_at)

    async def __call__(self, session: AsyncSession, event: Event) -> None:
        assert isinstance(event, NoteWritten)
        self.called_at.append(time.monotonic())
        await keep_note(session, event.text)
        if self.left:
            self.left -= 1
            raise self.error


async def test_what_one_service_tells_another_hears(tmp_path: Path, nats: NatsServer) -> None:
    async with (
        ledger(tmp_path / "a", "teller", nats.url) as teller,
        ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[COPY]) as hearer,
    ):
        texts = [f"note {number}" for number in range(40)]
        for text in texts:
            await write_notes(teller.state.database, text)
        await eventually(lambda: has(hearer.state.database, *texts))


async def test_what_was_told_before_a_service_first_started_is_heard_too(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path / "a", "teller", nats.url) as teller:
        await write_notes(teller.state.database, "early")
        async with ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[COPY]) as hearer:
            await eventually(lambda: has(hearer.state.database, "early"))


async def test_an_event_that_arrives_twice_is_handled_once(
    tmp_path: Path, nats: NatsServer
) -> None:
    payload = wrapped("once")
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[COPY]) as hearer:
        # Without the broker's own de-duplication: the inbox must do.
        await offer(hearer, nats.url, payload, payload, wrapped("last"))
        await eventually(lambda: has(hearer.state.database, "once", "last"))


async def test_two_subscriptions_to_one_event_both_hear_it(
    tmp_path: Path, nats: NatsServer
) -> None:
    again = Subscription("copy-again", NoteWritten, copy_note)
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[COPY, again]) as hearer:
        await offer(hearer, nats.url, wrapped("note"))
        await eventually(lambda: has(hearer.state.database, "note", "note"))


async def test_a_failing_handler_leaves_no_trace_and_is_tried_again_later_and_later(
    tmp_path: Path, nats: NatsServer
) -> None:
    handler = Failing(times=2)
    subscription = Subscription("copy", NoteWritten, handler)
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[subscription]) as hearer:
        database: Database = hearer.state.database
        await offer(hearer, nats.url, wrapped("note"))

        await eventually(lambda: has(database, "note"))
        assert handler.calls == 3
        first, second, third = handler.called_at
        # NATS may be late with it, never early.
        assert second - first > 0.9
        assert third - second > 1.9


async def test_a_failing_handler_may_see_the_same_event_again(tmp_path: Path) -> None:
    subscription = Subscription("copy", NoteWritten, Failing(times=1))
    async with ledger(tmp_path, "hearer", nats_url="") as hearer:
        database: Database = hearer.state.database
        with pytest.raises(RuntimeError):
            await handle_once(database, subscription, "id", NoteWritten(text="note"))
        async with database.reading() as session:
            assert (await session.execute(select(processed_events))).all() == []

        assert await handle_once(database, subscription, "id", NoteWritten(text="note"))
        assert not await handle_once(database, subscription, "id", NoteWritten(text="note"))
        assert await notes_in(database) == ["note"]


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff no json",
        b"{}",
        wrapped("x").replace(b".v1", b".v2"),
        wrapped("x").replace(b'"text"', b'"words"'),
    ],
)
async def test_what_can_never_be_digested_is_kept_apart_with_its_reason(
    tmp_path: Path, nats: NatsServer, payload: bytes
) -> None:
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[COPY]) as hearer:
        await offer(hearer, nats.url, payload, wrapped("next"))

        await eventually(lambda: has(hearer.state.database, "next"))
        [letter] = await eventually(lambda: letters_of(nats))
    assert (letter.subscription, letter.about.subject) == ("copy", NoteWritten.subject())
    assert letter.payload == payload
    assert letter.about.tries == 1
    assert letter.about.reason.startswith("cannot be parsed: ")


async def test_what_fails_too_often_is_kept_apart_and_the_rest_goes_on(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "DELIVERIES_MAX", 2)
    subscription = Subscription("copy", NoteWritten, Failing(times=2))
    async with (
        ledger(tmp_path / "a", "teller", nats.url) as teller,
        ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[subscription]) as hearer,
    ):
        await write_notes(teller.state.database, "fails")
        [letter] = await eventually(lambda: letters_of(nats))
        assert letter.about.reason == "failed 2 times, last with RuntimeError('not now')"
        assert letter.about.tries == 2
        assert letter.about.event_id == NoteWritten.parse(letter.payload)[0]
        await write_notes(teller.state.database, "goes on")
        await eventually(lambda: has(hearer.state.database, "goes on"))


async def test_a_database_that_is_away_for_long_buries_nothing(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "DELIVERIES_MAX", 1)
    failing = Failing(times=2, error=ConnectionRefusedError())
    subscription = Subscription("copy", NoteWritten, failing)
    async with (
        ledger(tmp_path / "a", "teller", nats.url) as teller,
        ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[subscription]) as hearer,
    ):
        await write_notes(teller.state.database, "waits")
        await eventually(lambda: has(hearer.state.database, "waits"))

    assert await letters_of(nats) == []


async def test_a_letter_that_is_sent_while_nats_is_away_arrives_once_it_is_back(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "DELIVERIES_MAX", 1)
    is_there = True

    async def fail_without_nats(_session: AsyncSession, _event: Event) -> None:
        nonlocal is_there
        # A NATS that is killed may deliver again as soon as it is back.
        if is_there:
            is_there = False
            await nats.kill()
        raise RuntimeError("never")

    subscription = Subscription("copy", NoteWritten, fail_without_nats)
    async with ledger(tmp_path, "hearer", nats.url, subscriptions=[subscription]) as hearer:
        database: Database = hearer.state.database

        async def waits() -> bool:
            async with database.reading() as session:
                return bool((await session.execute(select(outbox))).all())

        await offer(hearer, nats.url, wrapped("fails"))
        await eventually(waits)
        await nats.start()

        [letter] = await eventually(lambda: letters_of(nats), within=LONG)
        assert letter.about.reason == "failed 1 times, last with RuntimeError('never')"


@pytest.mark.parametrize("is_wiped", [False, True])
async def test_a_killed_nats_is_heard_again_even_if_it_forgot_everything(
    tmp_path: Path, nats: NatsServer, is_wiped: bool
) -> None:
    async with (
        ledger(tmp_path / "a", "teller", nats.url) as teller,
        ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[COPY]) as hearer,
    ):
        await write_notes(teller.state.database, "before")
        await eventually(lambda: has(hearer.state.database, "before"))

        await nats.kill()
        if is_wiped:
            nats.wipe()
        await write_notes(teller.state.database, "meanwhile")
        await nats.start()
        await write_notes(teller.state.database, "after")

        await eventually(
            lambda: has(hearer.state.database, "before", "meanwhile", "after"), within=LONG
        )


async def test_a_hearer_that_was_away_hears_the_rest_and_nothing_twice(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path / "a", "teller", nats.url) as teller:
        async with ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[COPY]) as hearer:
            await write_notes(teller.state.database, "first")
            await eventually(lambda: has(hearer.state.database, "first"))
        await write_notes(teller.state.database, "second")
        async with ledger(tmp_path / "b", "hearer", nats.url, subscriptions=[COPY]) as hearer:
            await eventually(lambda: has(hearer.state.database, "first", "second"))
