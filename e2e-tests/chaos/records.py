"""What a system holds when all is over: rows of its databases, and its stream of events."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nats
from nats.errors import TimeoutError as NothingMore
from nats.js.api import ConsumerConfig, DeliverPolicy
from sqlalchemy import text

from dev.orphans import databases
from shared.events.streams import EVENTS_STREAM
from shared.messaging.broker import address_of

BATCH = 500
SETTLED_SECONDS = 2.0
READ_SECONDS_MAX = 30.0

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """An event as it stands in the stream."""

    sequence: int
    id: str
    type: str
    data: dict[str, Any]


async def rows(settings: dict[str, str], service: str, query: str) -> list[Row]:
    opened = databases(settings)
    try:
        async with opened[service].reading() as session:
            return [dict(row._mapping) for row in (await session.execute(text(query))).all()]
    finally:
        for database in opened.values():
            await database.close()


async def change(settings: dict[str, str], service: str, statement: str) -> None:
    opened = databases(settings)
    try:
        async with opened[service].transaction() as session:
            await session.execute(text(statement))
    finally:
        for database in opened.values():
            await database.close()


async def events(url: str) -> list[Told]:
    """The whole stream, from its first message to its last."""
    client = await nats.connect(**address_of(url))
    try:
        jetstream = client.jetstream(timeout=READ_SECONDS_MAX)
        wanted = (await jetstream.stream_info(EVENTS_STREAM)).state.messages
        subscription = await jetstream.pull_subscribe(
            "mlsploit.events.>",
            stream=EVENTS_STREAM,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_wait=READ_SECONDS_MAX),
        )
        told: list[Told] = []
        while len(told) < wanted:
            try:
                batch = await subscription.fetch(BATCH, timeout=SETTLED_SECONDS)
            except NothingMore:
                break
            told += [_told(message.metadata.sequence.stream, message.data) for message in batch]
            await asyncio.gather(*(message.ack() for message in batch))
        await subscription.unsubscribe()
        return told
    finally:
        await client.close()


def _told(sequence: int, payload: bytes) -> Told:
    envelope = json.loads(payload)
    return Told(sequence, envelope["id"], envelope["type"], envelope["data"])
