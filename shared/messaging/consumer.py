"""The inbox: each event is handled once per subscription, in the handler's own transaction.

`Consumer.deliver` is the only place that acknowledges. What fails is tried again with growing
delay; what can never be digested ends in `dead_letters` with the reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.db import Database
from shared.events.base import Event
from shared.messaging.broker import EVENTS_STREAM, Broker
from shared.messaging.tables import dead_letters, processed_events

ACK_WAIT_SECONDS = 30
# A NATS that was started again has forgotten our request; we ask anew after this long.
FETCH_SECONDS = 5
FETCH_MESSAGES_MAX = 16
DELIVERIES_MAX = 10
RETRY_SECONDS_MAX = 60
RECONNECT_SECONDS = 1.0

log = structlog.get_logger(__name__)

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Subscription(Generic[E]):
    """Hear one event type. The name is the durable's: changing it replays the whole stream."""

    name: str
    event: type[E]
    handler: Callable[[AsyncSession, E], Awaitable[None]]


AnySubscription = Subscription[Any]


async def handle_once(
    database: Database, subscription: Subscription[E], event_id: str, event: E
) -> bool:
    """Run the handler unless this event was handled before; says whether it ran."""
    async with database.transaction() as session:
        if not await _claim(session, database, subscription.name, event_id):
            return False
        await subscription.handler(session, event)
        return True


async def _claim(session: AsyncSession, database: Database, name: str, event_id: str) -> bool:
    dialect_insert = sqlite_insert if database.is_sqlite else postgres_insert
    row = {"subscription": name, "event_id": event_id, "processed_at": utc_now()}
    statement = dialect_insert(processed_events).values(row).on_conflict_do_nothing()
    result = await session.execute(statement.returning(processed_events.c.event_id))
    return result.first() is not None


class Consumer(Generic[E]):
    """One durable pull consumer, shared by all replicas of a service."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        service: str,
        subscription: Subscription[E],
    ):
        self._database = database
        self._broker = broker
        self._subscription = subscription
        self._durable = f"{service}-{subscription.name}"

    async def run(self) -> None:
        """Deliver messages for ever; ends only by cancellation."""
        while True:
            await self._broker.ready.wait()
            try:
                messages = await self._bind(self._broker.jetstream)
                while True:
                    await self._deliver_some(messages)
            except (NatsError, OSError) as error:
                # A wiped NATS has lost our durable too: bind again.
                log.warning("consumer_unbound", durable=self._durable, reason=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _bind(self, jetstream: JetStreamContext) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            filter_subject=self._subscription.event.subject(),
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
        )
        # add_consumer updates limits that pull_subscribe alone would leave as they were.
        await jetstream.add_consumer(EVENTS_STREAM, config)
        return await jetstream.pull_subscribe_bind(self._durable, EVENTS_STREAM)

    async def _deliver_some(self, messages: JetStreamContext.PullSubscription) -> None:
        try:
            batch = await messages.fetch(FETCH_MESSAGES_MAX, timeout=FETCH_SECONDS)
        except TimeoutError:  # Nothing came; nats.errors.TimeoutError is one too.
            return
        for message in batch:
            await self.deliver(message)

    async def deliver(self, message: Msg) -> None:
        """Handle and acknowledge, or put off, or bury: every message gets exactly one of these."""
        try:
            event_id, event = self._subscription.event.parse(message.data)
        except ValueError as error:
            await self._bury(message, f"cannot be parsed: {error}")
            return
        try:
            await handle_once(self._database, self._subscription, event_id, event)
        except Exception as error:
            await self._put_off(message, error)
        else:
            await message.ack()

    async def _put_off(self, message: Msg, error: Exception) -> None:
        tries = message.metadata.num_delivered or 1
        if tries >= DELIVERIES_MAX:
            await self._bury(message, f"failed {tries} times, last with {error!r}")
            return
        delay = min(2 ** (tries - 1), RETRY_SECONDS_MAX)
        log.warning(
            "event_put_off",
            durable=self._durable,
            retry_in_seconds=delay,
            exc_info=error,
        )
        await message.nak(delay=delay)

    async def _bury(self, message: Msg, reason: str) -> None:
        log.error(
            "event_buried",
            durable=self._durable,
            subject=message.subject,
            reason=reason,
        )
        letter = {
            "subscription": self._subscription.name,
            "subject": message.subject,
            "payload": message.data,
            "reason": reason,
            "created_at": utc_now(),
        }
        async with self._database.transaction() as session:
            await session.execute(insert(dead_letters).values(letter))
        await message.term()
