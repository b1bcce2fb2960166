"""The outbox: a message is a row in the transaction of the change it tells of.

Only the relay publishes. It sends rows in commit order and deletes exactly the positions that
JetStream has acknowledged, so a crash between the two costs a repeat (dropped by `Nats-Msg-Id`),
never a loss.
"""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.db import Database
from shared.events.base import Event
from shared.messaging.broker import Broker
from shared.messaging.tables import OUTBOX_FILLED, outbox

BATCH_ROWS_MAX = 100
BACKOFF_SECONDS_MAX = 30.0
# Rows written by another process (a command line, a replica) wake nobody here; look now and then.
LOOK_AGAIN_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def publish(session: AsyncSession, event: Event) -> None:
    """Say that something happened. It is told if, and only if, the transaction commits."""
    envelope = event.envelope()
    await enqueue(session, event.subject(), envelope.payload(), message_id=envelope.id)


async def enqueue(
    session: AsyncSession,
    subject: str,
    payload: bytes,
    *,
    message_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send any message through the outbox; `publish` is this for events."""
    row = {
        "message_id": message_id or str(uuid4()),
        "subject": subject,
        "payload": payload,
        "headers": dict(headers or {}),
        "created_at": utc_now(),
    }
    await session.execute(insert(outbox).values(row))
    session.info[OUTBOX_FILLED] = True


class OutboxRelay:
    """Moves one database's outbox to NATS, for ever, in order."""

    def __init__(self, database: Database, broker: Broker):
        self._database = database
        self._broker = broker

    async def run(self) -> None:
        backoff = LOOK_AGAIN_SECONDS
        while True:
            self._database.outbox_filled.clear()
            try:
                while await self.send_batch():
                    pass
                backoff = LOOK_AGAIN_SECONDS
            except (NatsError, APIError, OSError, TimeoutError) as error:
                log.warning("outbox_waits", reason=repr(error), retry_in_seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)
                continue
            await self._filled_or_time()

    async def send_batch(self) -> int:
        """Send up to a batch of rows; returns how many were sent and deleted."""
        async with self._database.reading() as session:
            statement = select(outbox).order_by(outbox.c.position).limit(BATCH_ROWS_MAX)
            rows = (await session.execute(statement)).all()
        sent: list[int] = []
        try:
            for row in rows:
                headers = {**row.headers, "Nats-Msg-Id": row.message_id}
                await self._broker.send(row.subject, row.payload, headers)
                sent.append(row.position)
        finally:
            if sent:
                async with self._database.transaction() as session:
                    await session.execute(delete(outbox).where(outbox.c.position.in_(sent)))
        return len(sent)

    async def _filled_or_time(self) -> None:
        waiting = self._database.outbox_filled.wait()
        try:
            await asyncio.wait_for(waiting, timeout=LOOK_AGAIN_SECONDS)
        except TimeoutError:
            return
