"""Writing, failing, sending, half sending and dying in any order, against a model of two lists.

The database and the outbox are real; NATS is played, because it must fail at will: what it stores
of a batch is a beginning of it, and what it acknowledges is a beginning of that.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from nats.errors import ConnectionClosedError
from nats.js.api import PubAck
from sqlalchemy import select

from shared.db import Database
from shared.messaging.broker import Broker
from shared.messaging.line import Ack, Line, failed
from shared.messaging.outbox import OutboxRelay, publish
from shared.messaging.tables import outbox
from shared.tests.ledger import NoteWritten, keep_note, ledger, notes_in, write_notes

LIMITS = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ALL = 10_000
Drive = Callable[[Coroutine[Any, Any, Any]], Any]

beginnings = st.integers(0, 12)


class PlayedStream(Line):
    """A stream that knows messages by their ids, as JetStream does."""

    def __init__(self) -> None:
        super().__init__(timeout_seconds=0)
        self.stored: dict[str, str] = {}
        self.stores = self.acknowledges = ALL

    async def send(self, rows: Sequence[Any]) -> list[Ack]:
        for row in rows[: self.stores]:
            self.stored.setdefault(row.message_id, orjson.loads(row.payload)["data"]["text"])
        known = min(self.stores, self.acknowledges)
        return [_acknowledged() if at < known else _lost() for at, _ in enumerate(rows)]


def _acknowledged() -> Ack:
    ack: Ack = asyncio.get_running_loop().create_future()
    ack.set_result(PubAck(stream="played", seq=1))
    return ack


def _lost() -> Ack:
    ack = failed(ConnectionClosedError())
    ack.exception()  # Whoever looks at the first failure looks at no other.
    return ack


class AnyOrder(RuleBasedStateMachine):
    def __init__(self, database: Database, drive: Drive):
        super().__init__()
        self.database = database
        self.drive = drive
        self.stream = PlayedStream()
        self.told: list[str] = []
        self.before = drive(notes_in(database))
        self.number = 0
        self._begin_anew()
        self.drive(self._send())
        self.stream = PlayedStream()

    @rule(count=st.integers(1, 5))
    def write(self, count: int) -> None:
        texts = self._texts(count)
        self.drive(write_notes(self.database, *texts))
        self.told += texts

    @rule(count=st.integers(1, 5))
    def fail(self, count: int) -> None:
        """Everything is written, and then the transaction does not commit."""

        async def break_off() -> None:
            with suppress(ZeroDivisionError):
                async with self.database.transaction() as session:
                    for text in self._texts(count):
                        await keep_note(session, text)
                        await publish(session, NoteWritten(text=text))
                    raise ZeroDivisionError

        self.drive(break_off())

    @rule()
    def send(self) -> None:
        self.drive(self._send())

    @rule(stores=beginnings, acknowledges=beginnings)
    def send_half(self, stores: int, acknowledges: int) -> None:
        """The connection breaks: some is stored, less is acknowledged."""
        self.stream.stores, self.stream.acknowledges = stores, acknowledges
        with suppress(ConnectionClosedError):
            self.drive(self._send())
        self._begin_anew()
        self.stream.stores = self.stream.acknowledges = ALL

    @rule()
    def have_a_quiet_moment(self) -> None:
        self.drive(self.relay.delete_sent())

    @rule(stores=beginnings)
    def die_between_sending_and_deleting(self, stores: int) -> None:
        async def die() -> None:
            self.stream.stores = stores
            await self.stream.send(await self._waiting())
            self.stream.stores = ALL

        self.drive(die())
        self._begin_anew()

    @invariant()
    def what_is_told_was_committed_in_this_order_and_nothing_is_lost(self) -> None:
        stored = list(self.stream.stored.values())
        waiting = [orjson.loads(row.payload)["data"]["text"] for row in self.drive(self._waiting())]
        assert stored == self.told[: len(stored)]
        # What waits is the end of it; the rest is stored.
        assert waiting == self.told[len(self.told) - len(waiting) :]
        assert len(stored) + len(waiting) >= len(self.told)
        assert self.drive(notes_in(self.database)) == [*self.before, *self.told]

    def teardown(self) -> None:
        """In the end everything is told, each once."""
        self.drive(self._send())
        self.drive(self.relay.delete_sent())
        assert list(self.stream.stored.values()) == self.told
        assert self.drive(self._waiting()) == []

    def _texts(self, count: int) -> list[str]:
        self.number += count
        return [f"note {self.number - at}" for at in range(count)]

    def _begin_anew(self) -> None:
        """As a relay does after a failure, and another after a death."""
        self.relay = OutboxRelay(self.database, Broker("", ""))

    async def _send(self) -> None:
        while await self.relay.send_batch(self.stream):
            pass

    async def _waiting(self) -> Sequence[Any]:
        async with self.database.reading() as session:
            return (await session.execute(select(outbox).order_by(outbox.c.position))).all()


async def test_no_order_of_what_can_happen_loses_or_invents_an_event(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    def drive(step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, loop).result()

    async with ledger(tmp_path, "ledger", "") as app:

        class AnyOrderHere(AnyOrder):
            def __init__(self) -> None:
                super().__init__(app.state.database, drive)

        await asyncio.to_thread(run_state_machine_as_test, AnyOrderHere, settings=LIMITS)
