"""The outbox: a message is a row in the transaction of the change it tells of.

Only the relay publishes, one per database. It sends rows in the order of their positions and
deletes exactly those that JetStream has acknowledged, so a crash between the two costs a repeat
(dropped by `Nats-Msg-Id`), never a loss. On SQLite, where a deletion costs as much as the rest, it
deletes many at once or in a quiet moment: positions are committed in their order there, so what has
been sent need not be gone to be told from what has not.
Order: what was committed before another transaction wrote its message is sent before that message.
Two transactions at work at the same time may be sent in either order, each one's messages in its.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import structlog
from nats.errors import Error as NatsError
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.db import LOOK_AGAIN_SECONDS, Database, write_last
from shared.events.base import Event
from shared.messaging import metrics
from shared.messaging.broker import Broker
from shared.messaging.leader import Check, leadership
from shared.messaging.line import Line
from shared.messaging.tables import OUTBOX_FILLED, outbox
from shared.tracing import carried

BATCH_ROWS_MAX = 100
QUIET_SECONDS = 0.1
BACKOFF_SECONDS_MAX = 30.0
# NATS takes a mebibyte, headers included. What is larger could never leave, and nothing after it.
PAYLOAD_BYTES_MAX = 1000 * 1024
INSERT = insert(outbox)
OLDEST = (
    select(outbox)
    .where(outbox.c.position > bindparam("after"))
    .order_by(outbox.c.position)
    .limit(BATCH_ROWS_MAX)
)
DELETE = delete(outbox).where(outbox.c.position.in_(bindparam("stored", expanding=True)))

log = structlog.get_logger(__name__)


async def publish(session: AsyncSession, *events: Event) -> None:
    """Say what happened, in this order. It is told if, and only if, the transaction commits."""
    rows = []
    headers = carried()
    for event in events:
        envelope = event.envelope()
        rows.append(_row(event.subject(), envelope.payload(), envelope.id, headers))
    _add(session, rows)


async def enqueue(
    session: AsyncSession,
    subject: str,
    payload: bytes,
    *,
    message_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send any message through the outbox; `publish` is this for events."""
    all_headers = {**carried(), **(headers or {})}
    _add(session, [_row(subject, payload, message_id or str(uuid4()), all_headers)])


def _row(subject: str, payload: bytes, message_id: str, headers: dict[str, str]) -> dict[str, Any]:
    if len(payload) > PAYLOAD_BYTES_MAX:
        size = f"{len(payload)} bytes, at most {PAYLOAD_BYTES_MAX}"
        raise ValueError(f"a message on {subject} is too large to be sent: {size}")
    return {
        "message_id": message_id,
        "subject": subject,
        "payload": payload,
        "headers": headers,
        "created_at": utc_now(),
    }


def _add(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    if OUTBOX_FILLED not in session.info:
        write_last(session, _write)
    session.info.setdefault(OUTBOX_FILLED, []).extend(rows)


async def _write(session: AsyncSession) -> None:
    """All that a transaction has to say, by one statement."""
    if rows := session.info[OUTBOX_FILLED]:
        await session.execute(INSERT, rows)


@dataclass
class OutboxRelay:
    """Moves one database's outbox to NATS, for ever, in order, unless another replica does."""

    database: Database
    broker: Broker
    pause_seconds: float = LOOK_AGAIN_SECONDS
    # Positions that are sent and still to be deleted; below `_after` there are no others.
    _sent: list[int] = field(default_factory=list)
    _after: int = 0

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                # First NATS, then the lock: who cannot send must not keep others from it.
                async with self.broker.line() as line, leadership(self.database) as check:
                    await self._lead(line, check)
            except (NatsError, SQLAlchemyError, OSError) as error:
                if time.monotonic() - began > BACKOFF_SECONDS_MAX:
                    # It went well for so long that this is new trouble.
                    self.pause_seconds = LOOK_AGAIN_SECONDS
                log.warning("outbox_waits", reason=repr(error), retry_in_seconds=self.pause_seconds)
                await asyncio.sleep(self.pause_seconds)
                self.pause_seconds = min(self.pause_seconds * 2, BACKOFF_SECONDS_MAX)

    async def _lead(self, line: Line, check: Check) -> None:
        log.info("outbox_leads")
        # Whatever went wrong before: what is still there is sent again, and dropped as a repeat.
        self._sent, self._after = [], 0
        with metrics.LEADS.track_inprogress():
            looked_at = None
            while True:
                version = await check()
                # What nobody has written to needs no look.
                if version is None or version != looked_at:
                    # What is committed from now on wakes us, so a batch that is not full was all.
                    if await self.send_batch(line) == BATCH_ROWS_MAX:
                        continue
                    looked_at = version
                await self._rest()

    async def _rest(self) -> None:
        """Until there is more to send, or may be."""
        if self._sent:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self.database.has_something_to_send()
                    return
            await self.delete_sent()
        await self.database.has_something_to_send()

    async def send_batch(self, line: Line) -> int:
        """Send up to a batch of rows; returns how many were sent."""
        async with self.database.reading() as session:
            rows = (await session.execute(OLDEST, {"after": self._after})).all()
        if not rows:
            return 0
        acks = await line.send(rows)
        answered = zip(rows, acks, strict=False)
        stored = [row.position for row, ack in answered if ack.exception() is None]
        metrics.PUBLISHED.inc(len(stored))
        self._sent += stored
        if self.database.is_sqlite and len(stored) == len(rows):
            self._after = rows[-1].position
        if self._after < rows[-1].position or len(self._sent) >= BATCH_ROWS_MAX:
            await self.delete_sent()
        for ack in acks:
            ack.result()
        self.pause_seconds = LOOK_AGAIN_SECONDS
        return len(stored)

    async def delete_sent(self) -> None:
        """Those that `send_batch` has left for now."""
        sent, self._sent = self._sent, []
        if sent:
            async with self.database.transaction() as session:
                await session.execute(DELETE, {"stored": sent})
