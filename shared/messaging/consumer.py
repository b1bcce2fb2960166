"""The inbox: each event is handled once per subscription, in the handler's own transaction.

`Consumer.deliver` is the only place that acknowledges. What fails is tried again with growing
delay; what can never be digested becomes a dead letter with the reason.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import NAMESPACE_OID, uuid5

import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.db import Database, is_on_sqlite, will_pass
from shared.events.base import Event
from shared.events.dead_letters import DeadLetterHeaders, dead_letters_subject
from shared.events.streams import EVENTS_STREAM
from shared.messaging import metrics
from shared.messaging.broker import Broker
from shared.messaging.outbox import enqueue
from shared.messaging.pulling import Pulling
from shared.messaging.tables import processed_events
from shared.tracing import received

ACK_WAIT_SECONDS = 30
DELIVERIES_MAX = 10
RETRY_SECONDS_MAX = 60
# Built once: it takes longer than they do.
CLAIM_ON_SQLITE, CLAIM_ON_POSTGRES = (
    insert(processed_events).on_conflict_do_nothing().returning(processed_events.c.event_id)
    for insert in (sqlite_insert, postgres_insert)
)

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Subscription(Generic[E]):
    """Hear one event type. The name is the durable's: changing it replays the whole stream.

    What need not be done at once may rest after each time: all that came meanwhile is then handled
    in one transaction, which costs hardly more than for one.
    """

    name: str
    event: type[E]
    handler: Callable[[AsyncSession, E], Awaitable[None]]
    rest_seconds: float = 0.0


AnySubscription = Subscription[Any]


async def handle_once(
    database: Database, subscription: Subscription[E], event_id: str, event: E
) -> bool:
    """Run the handler unless this event was handled before; says whether it ran."""
    async with database.transaction() as session:
        return await _handle(session, subscription, event_id, event)


async def _handle(session: AsyncSession, heard: Subscription[E], event_id: str, event: E) -> bool:
    if not await _claim(session, heard.name, event_id):
        return False
    await heard.handler(session, event)
    return True


async def _claim(session: AsyncSession, name: str, event_id: str) -> bool:
    claim = CLAIM_ON_SQLITE if is_on_sqlite(session) else CLAIM_ON_POSTGRES
    row = {"subscription": name, "event_id": event_id, "processed_at": utc_now()}
    return (await session.execute(claim, row)).first() is not None


class Consumer(Generic[E]):
    """One durable pull consumer, shared by all replicas of a service."""

    def __init__(
        self, database: Database, broker: Broker, service: str, subscription: Subscription[E]
    ):
        self._database = database
        self._service = service
        self._subscription = subscription
        self.durable = f"{service}-{subscription.name}"
        config = ConsumerConfig(
            durable_name=self.durable,
            filter_subject=subscription.event.subject(),
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
        )
        # Delivers messages for ever; ends only by cancellation.
        pulling = Pulling(broker, EVENTS_STREAM, config, self.deliver, subscription.rest_seconds)
        self.run = pulling.run

    async def deliver(self, *messages: Msg) -> None:
        """Handle and acknowledge, or put off, or bury: every message gets exactly one of these."""
        if len(messages) > 1 and await self._delivers_together(messages):
            return
        for message in messages:
            with received(message, f"process {self.durable}"):
                await self._deliver(message)

    async def _delivers_together(self, messages: Sequence[Msg]) -> bool:
        """All, or none when one of them will not do: then each gets what is its own."""
        try:
            events = [self._subscription.event.parse(message.data) for message in messages]
            async with self._database.transaction() as session:
                heard = self._subscription
                handled = [await _handle(session, heard, *event) for event in events]
        except Exception:
            log.warning("events_not_together", durable=self.durable, exc_info=True)
            return False
        for message, is_new in zip(messages, handled, strict=True):
            await message.ack()
            self._count("handled" if is_new else "repeated")
        return True

    async def _deliver(self, message: Msg) -> None:
        try:
            event_id, event = self._subscription.event.parse(message.data)
        except ValueError as error:
            await self._bury(message, f"cannot be parsed: {error}")
            return
        try:
            is_new = await handle_once(self._database, self._subscription, event_id, event)
        except Exception as error:
            await self._put_off(message, error)
        else:
            await message.ack()
            self._count("handled" if is_new else "repeated")

    async def _put_off(self, message: Msg, error: Exception) -> None:
        tries = message.metadata.num_delivered or 1
        # A database that is away says nothing about the message, however long that lasts.
        if tries >= DELIVERIES_MAX and not will_pass(error):
            await self._bury(message, f"failed {tries} times, last with {error!r}")
            return
        delay = min(2 ** (tries - 1), RETRY_SECONDS_MAX)
        log.warning("event_put_off", durable=self.durable, retry_in_seconds=delay, exc_info=error)
        await message.nak(delay=delay)
        self._count("put_off")

    async def _bury(self, message: Msg, reason: str) -> None:
        log.error("event_buried", durable=self.durable, subject=message.subject, reason=reason)
        subject = dead_letters_subject(self._service, self._subscription.name)
        headers = DeadLetterHeaders.about(message, reason).as_headers()
        # Should the message come again, because we die before `term`, it is the same letter.
        place = f"{self.durable} {message.metadata.sequence.stream} {message.metadata.timestamp}"
        message_id = str(uuid5(NAMESPACE_OID, place))
        async with self._database.transaction() as session:
            await enqueue(session, subject, message.data, message_id=message_id, headers=headers)
        await message.term()
        self._count("buried")

    def _count(self, outcome: str) -> None:
        metrics.EVENTS.labels(self.durable, outcome).inc()
