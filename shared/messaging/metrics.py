"""What an operator watches: is anything waiting, how long, and was anything given up?

Counted where it happens; what must be asked for is asked every few seconds in the background, so
that a scrape costs nothing and works when database and broker do not.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from nats.errors import Error as NatsError
from prometheus_client import Counter, Gauge
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from shared.clock import utc_now
from shared.db import Database
from shared.events.dead_letters import dead_letters_subject
from shared.events.streams import DEAD_LETTERS_STREAM, EVENTS_STREAM
from shared.messaging.broker import Broker
from shared.messaging.tables import outbox

MEASURE_SECONDS = 15.0
WAITING = select(func.count(), func.min(outbox.c.created_at)).select_from(outbox)

PUBLISHED = Counter("mlsploit_outbox_sent_total", "Messages that JetStream has acknowledged.")
LEADS = Gauge("mlsploit_outbox_leader", "1 where this process relays the outbox.")
DEPTH = Gauge("mlsploit_outbox_messages", "Messages that wait in the outbox.")
LAG = Gauge("mlsploit_outbox_lag_seconds", "Age of the oldest message in the outbox.")
# Outcomes: handled, repeated, put_off or buried.
EVENTS = Counter("mlsploit_events_total", "Events heard, by outcome.", ["durable", "outcome"])
PENDING = Gauge("mlsploit_consumer_pending", "Events not yet delivered.", ["durable"])
UNACKNOWLEDGED = Gauge("mlsploit_consumer_unacknowledged", "Events begun, not done.", ["durable"])
DEAD_LETTERS = Gauge("mlsploit_dead_letters", "Events of this service that were given up.")


async def measure_regularly(
    service: str, database: Database, broker: Broker, durables: Sequence[str]
) -> None:
    while True:
        # What is away is told by readiness; a durable may be on its way to being bound again.
        with suppress(SQLAlchemyError, OSError):
            await _measure_outbox(database)
        with suppress(NatsError, OSError):
            if broker.ready.is_set():
                await _measure_streams(service, broker, durables)
        await asyncio.sleep(MEASURE_SECONDS)


async def _measure_outbox(database: Database) -> None:
    async with database.reading() as session:
        depth, oldest = (await session.execute(WAITING)).one()
    DEPTH.set(depth)
    now = utc_now()
    # SQLite keeps no zone.
    lag = (now - oldest.replace(tzinfo=now.tzinfo)).total_seconds() if oldest else 0
    LAG.set(max(0, lag))  # Clocks are set back.


async def _measure_streams(service: str, broker: Broker, durables: Sequence[str]) -> None:
    for durable in durables:
        info = await broker.jetstream.consumer_info(EVENTS_STREAM, durable)
        PENDING.labels(durable).set(info.num_pending or 0)
        UNACKNOWLEDGED.labels(durable).set(info.num_ack_pending or 0)
    mine = dead_letters_subject(service, "*")
    stream = await broker.jetstream.stream_info(DEAD_LETTERS_STREAM, subjects_filter=mine)
    DEAD_LETTERS.set(sum((stream.state.subjects or {}).values()))
