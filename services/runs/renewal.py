"""Notices a NATS that came back empty, and offers at once what it has forgotten.

A stream says when it was made. What was announced before that is gone with the one before it; to
wait for its turn to be announced again would take minutes. A job that is announced once too often
costs a claim that is refused, and no more.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from fastapi import FastAPI
from nats.errors import Error as NatsError
from sqlalchemy import update
from sqlmodel import col

from services.runs.models import Job
from services.runs.offers.queries import any_offered
from services.runs.progress import DOUBLINGS_MAX
from services.runs.settings import RunsSettings
from shared.clock import utc_now
from shared.db import Database
from shared.events.streams import JOBS_STREAM
from shared.messaging.broker import Broker

log = structlog.get_logger(__name__)


async def offer_again_what_nats_forgot(app: FastAPI) -> None:
    """For as long as the process lives; with several replicas each of them may do it."""
    settings: RunsSettings = app.state.settings
    broker: Broker = app.state.broker
    known: datetime | None = None
    while True:
        if known is None or await _is_anything_offered(app.state.database):
            made_at = await _made_at(broker)
            if made_at is not None and made_at != known:
                await _offer_all_again(app.state.database, settings, made_at)
                known = made_at
        await asyncio.sleep(settings.sweep_seconds)


async def _is_anything_offered(database: Database) -> bool:
    """Else there is nothing that NATS could forget, and no need to ask it."""
    async with database.reading() as session:
        return await any_offered(session)


async def _made_at(broker: Broker) -> datetime | None:
    """When the stream of offers was made; None when nobody can say just now."""
    await broker.ready.wait()
    try:
        return (await broker.jetstream.stream_info(JOBS_STREAM)).created
    except (NatsError, OSError):
        return None


async def _offer_all_again(database: Database, settings: RunsSettings, made_at: datetime) -> None:
    """Unless all has been announced since then anyway; the sweeper does the rest."""
    now = utc_now()
    longest_wait = timedelta(seconds=settings.announce_again_seconds * 2**DOUBLINGS_MAX)
    if made_at < now - longest_wait:
        return
    forgotten = update(Job).where(col(Job.announce_at) > now).values(announce_at=now)
    async with database.transaction() as session:
        await session.execute(forgotten)
    log.info("offers_are_made_again", stream_made_at=made_at.isoformat())
