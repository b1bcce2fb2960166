"""Brings back what fell silent or never ends: leases, and ready jobs whose offer was lost.

Safe with any number of replicas: candidates are read without a lock and judged again under it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, measures, progress, queries
from services.runs.settings import RunsSettings
from services.runs.times import Hearing, Moment, begin_times_anew, pull_in_times
from shared.clock import utc_now
from shared.db import Database
from shared.errors import NotFound

JOBS_PER_SWEEP_MAX = 100

log = structlog.get_logger(__name__)

Act = Callable[[AsyncSession, int, RunsSettings], Awaitable[None]]


async def sweep_regularly(app: FastAPI) -> None:
    """Begun again, with a new hearing, when the database was away."""
    settings: RunsSettings = app.state.settings
    database: Database = app.state.database
    hearing = Hearing(settings.lease_seconds, Moment.now())
    await pull_in_times(database, settings)
    while True:
        if hearing.goes_on(Moment.now()):
            log.warning("clock_was_set")
            await begin_times_anew(database, settings)
        await sweep(database, settings, is_fair=hearing.is_fair)
        await asyncio.sleep(settings.sweep_seconds)


async def sweep(database: Database, settings: RunsSettings, *, is_fair: bool = True) -> None:
    now = utc_now()
    async with database.reading() as session:
        expired = await queries.list_expired(session, now, limit=JOBS_PER_SWEEP_MAX)
        unclaimed = await queries.list_unclaimed(session, now, limit=JOBS_PER_SWEEP_MAX)
    for job_id in expired if is_fair else ():
        await _each(database, job_id, _expire, settings)
    for job_id in unclaimed:
        await _each(database, job_id, _announce_again, settings)


async def _each(database: Database, job_id: int, act: Act, settings: RunsSettings) -> None:
    """Its own short transaction; a job that was deleted meanwhile needs nothing."""
    with suppress(NotFound):
        async with database.transaction() as session:
            await act(session, job_id, settings)


async def _expire(session: AsyncSession, job_id: int, settings: RunsSettings) -> None:
    run, job = await queries.lock_job(session, job_id, owner_id=None)
    why = leases.why_it_ends(job, settings)
    if why is not None:
        log.warning("lease_ended", job=job_id, attempt=job.attempt, worker=job.worker, why=why)
        await leases.expire(session, run, job, why, settings)
        measures.EXPIRED.inc()


async def _announce_again(session: AsyncSession, job_id: int, settings: RunsSettings) -> None:
    job = await queries.lock_job_alone(session, job_id, owner_id=None)
    if job.announce_at is not None and job.announce_at < utc_now():
        log.info("job_announced_again", job=job_id, announcements=job.announcements)
        await progress.offer(session, job, settings)
