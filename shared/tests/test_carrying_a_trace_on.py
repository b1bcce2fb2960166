"""What a message carries on of the request that it was sent for."""

from pathlib import Path

import structlog
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db import Database
from shared.events.base import Event
from shared.messaging.consumer import Subscription
from shared.messaging.tables import outbox
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import NoteWritten, ledger, write_notes
from shared.tracing import REQUEST_ID

CALLER = SpanContext(0xAB, 0xCD, is_remote=True, trace_flags=TraceFlags(1))
TRACE_ID = trace.format_trace_id(CALLER.trace_id)


async def write_on_behalf_of_a_caller(database: Database) -> None:
    with (
        trace.use_span(NonRecordingSpan(CALLER)),
        structlog.contextvars.bound_contextvars(**{REQUEST_ID: "r-1"}),
    ):
        await write_notes(database, "a note")


async def test_a_message_in_the_outbox_bears_trace_and_request(tmp_path: Path) -> None:
    # Without NATS nobody takes it out again.
    async with ledger(tmp_path, "ledger", "") as app:
        database: Database = app.state.database
        await write_on_behalf_of_a_caller(database)
        await write_notes(database, "nobody's")

        async with database.reading() as session:
            headers = list(await session.scalars(select(outbox.c.headers)))

    assert headers == [
        {"traceparent": f"00-{TRACE_ID}-00000000000000cd-01", REQUEST_ID: "r-1"},
        {},
    ]


async def test_whoever_hears_a_message_goes_on_in_its_trace(
    tmp_path: Path, nats: NatsServer
) -> None:
    heard: list[tuple[int, str | None]] = []

    async def note_where_we_are(_session: AsyncSession, _event: Event) -> None:
        context = structlog.contextvars.get_contextvars()
        heard.append(
            (trace.get_current_span().get_span_context().trace_id, context.get(REQUEST_ID))
        )

    subscription = Subscription("curious", NoteWritten, note_where_we_are)
    async with ledger(tmp_path, "curious", nats.url, subscriptions=[subscription]) as app:
        await write_on_behalf_of_a_caller(app.state.database)
        await write_notes(app.state.database, "nobody's")

        async def are_heard() -> bool:
            return len(heard) == 2

        await eventually(are_heard)

    assert heard == [(CALLER.trace_id, "r-1"), (0, None)]
