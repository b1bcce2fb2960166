"""Blobs leave after their files: what a transaction doomed is removed here, crash or not.

Only blobs that the database names are ever removed, so a wrong or restored database cannot make
us empty the store. A blob goes first and its row after it; in between, removing it again is fine.
Invariant: a blob that goes here belongs to no file, though a clock that was set forward makes an
upload look long dead while it is at work: its blob is taken from it first, and it is refused then.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from fastapi import FastAPI
from sqlalchemy import delete, tuple_, update
from sqlmodel import col

from services.files import queries
from services.files.models import AT_ONCE, DoomedBlob
from services.files.service import delete_files
from services.files.storage.interface import BlobStore
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import processed_events

LOOK_AGAIN_SECONDS = 2.0
LOOKS_PER_CLEANING = 1800
BLOBS_PER_TRANSACTION = 500
FILES_PER_TRANSACTION = 100
EVENTS_PER_TRANSACTION = 1000

log = structlog.get_logger(__name__)


async def remove_dead_blobs(app: FastAPI) -> None:
    """For as long as the process lives; replicas may do the same at the same time."""
    looks = 0
    while True:
        while await remove_unclaimed_files(app.state.database):
            pass
        while await remove_due_blobs(app.state.database, app.state.store):
            pass
        if looks % LOOKS_PER_CLEANING == 0:
            removed = await app.state.store.remove_stale_uploads()
            log.info("stale_uploads_removed", count=removed)
            while await forget_old_events(app.state.database, app.state.settings.inbox_days):
                pass
        looks += 1
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def forget_old_events(database: Database, days: int) -> int:
    """What was handled so long ago that it cannot come again; returns how many of it went."""
    before = utc_now() - timedelta(days=days)
    some = queries.handled_before(before, limit=EVENTS_PER_TRANSACTION)
    gone = delete(processed_events).where(tuple_(*processed_events.primary_key).in_(some))
    async with database.transaction() as session:
        forgotten = await session.scalars(gone.returning(processed_events.c.event_id))
        return len(forgotten.all())


async def remove_unclaimed_files(database: Database) -> int:
    """Outputs of attempts that were lost; returns how many. Asked first without a lock."""
    now = utc_now()
    async with database.reading() as session:
        if not await queries.any_unclaimed(session, now):
            return 0
    async with database.transaction() as session:
        files = await queries.lock_unclaimed(session, now, limit=FILES_PER_TRANSACTION)
        await delete_files(session, files)
    return len(files)


async def remove_due_blobs(database: Database, store: BlobStore) -> int:
    """Remove some of the blobs that are due; returns how many."""
    async with database.reading() as session:
        due = await queries.list_due_blobs(session, utc_now(), limit=BLOBS_PER_TRANSACTION)
    keys = [row.key for row in due if row.due_at == AT_ONCE]
    if arriving := [row.key for row in due if row.due_at > AT_ONCE]:
        keys += await take(database, arriving)
    if not keys:
        return 0
    for key in keys:
        await store.delete(key)
    async with database.transaction() as session:
        # Not those of uploads that ended just now and must be looked at again.
        gone = col(DoomedBlob.key).in_(keys), col(DoomedBlob.due_at) == AT_ONCE
        await session.execute(delete(DoomedBlob).where(*gone))
    return len(keys)


async def take(database: Database, keys: Sequence[str]) -> Sequence[str]:
    """From uploads that never ended; those of them that have ended meanwhile keep theirs."""
    taken = (
        update(DoomedBlob)
        .where(col(DoomedBlob.key).in_(keys))
        .values(due_at=AT_ONCE)
        .returning(col(DoomedBlob.key))
    )
    async with database.transaction() as session:
        return (await session.scalars(taken)).all()
