"""A small service of its own for the tests of messaging: it writes notes and tells of each.

Everything is as in a real one: its database, its migrations, its outbox, its inbox, its NATS.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import httpx
import nats
from fastapi import APIRouter, FastAPI
from nats.js import JetStreamContext
from sqlalchemy import Column, Integer, Table, Text, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from shared.answers import json_response
from shared.app import Background, Service, create_app
from shared.auth import CallerDep
from shared.db import Database, service_metadata
from shared.events.base import Event
from shared.events.streams import EVENTS_STREAM
from shared.messaging.broker import address_of
from shared.messaging.consumer import AnySubscription
from shared.messaging.outbox import publish
from shared.messaging.tables import add_messaging_tables
from shared.settings import ServiceSettings

METADATA = service_metadata()
add_messaging_tables(METADATA)
NOTES = Table(
    "notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("text", Text, nullable=False),
)

MIGRATION = """
from alembic import op
from shared.tests.ledger import METADATA

revision = "0001"
down_revision = None

def upgrade():
    METADATA.create_all(op.get_bind())
"""
ENVIRONMENT = """
from shared.migrations import run
from shared.tests.ledger import METADATA

run(METADATA)
"""


class NoteWritten(Event):
    type: ClassVar[str] = "ledger.note.written.v1"

    text: str


async def keep_note(session: AsyncSession, text: str) -> None:
    await session.execute(insert(NOTES).values(text=text))


async def write_notes(database: Database, *texts: str) -> None:
    """All of them, and what there is to tell of them, in one transaction."""
    async with database.transaction() as session:
        for text in texts:
            await keep_note(session, text)
            await publish(session, NoteWritten(text=text))


async def copy_note(session: AsyncSession, event: NoteWritten) -> None:
    await keep_note(session, event.text)


async def notes_in(database: Database) -> list[str]:
    async with database.reading() as session:
        return list((await session.scalars(select(NOTES.c.text).order_by(NOTES.c.id))).all())


router = APIRouter(prefix="/api/v1/ledgers")


@router.get("/")
async def read_name(caller: CallerDep) -> Response:
    return json_response({"username": caller.username})


@asynccontextmanager
async def ledger(
    folder: Path,
    name: str,
    nats_url: str,
    *,
    subscriptions: Sequence[AnySubscription] = (),
    background: Sequence[Background] = (),
    transport: httpx.AsyncBaseTransport | None = None,
    replicas: int = 1,
) -> AsyncIterator[FastAPI]:
    """The service, running under this name."""
    migrations = folder / "migrations"
    (migrations / "versions").mkdir(parents=True, exist_ok=True)
    (migrations / "env.py").write_text(ENVIRONMENT)
    (migrations / "versions" / "0001_initial.py").write_text(MIGRATION)
    described = Service(
        name=name,
        title="Ledger",
        settings=ServiceSettings(data_dir=folder, nats_url=nats_url, nats_replicas=replicas),
        routers=(router,),
        migrations=migrations,
        subscriptions=subscriptions,
        background=background,
    )
    app = create_app(described, transport=transport)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def listening(nats_url: str) -> AsyncIterator[JetStreamContext]:
    """A connection to NATS of the test's own."""
    client = await nats.connect(**address_of(nats_url))
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def offer(app: FastAPI, nats_url: str, *payloads: bytes) -> None:
    """Put these on the subject of notes, past any outbox, once the app has made the stream."""
    await app.state.broker.ready.wait()
    async with listening(nats_url) as jetstream:
        for payload in payloads:
            await jetstream.publish(NoteWritten.subject(), payload)


def wrapped(text: str) -> bytes:
    return NoteWritten(text=text).envelope().payload()


async def told(nats_url: str) -> list[str]:
    """The texts of all notes in the stream of events, in its order."""
    async with listening(nats_url) as jetstream:
        state = (await jetstream.stream_info(EVENTS_STREAM)).state
        numbers = range(max(1, state.first_seq), state.last_seq + 1)
        stored = [await jetstream.get_msg(EVENTS_STREAM, number) for number in numbers]
        return [NoteWritten.parse(message.data or b"")[1].text for message in stored]
