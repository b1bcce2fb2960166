"""Brings back what fell silent or never ends: leases, and ready jobs whose offer was lost.

Safe with any number of replicas: candidates are read without a lock and judged again under it.
"""

import asyncio
from contextlib import suppress

import structlog
from fastapi import FastAPI

from services.runs import leases, measures, queries
from services.runs.offers.again import offer_again
from services.runs.offers.queries import list_unclaimed
from services.runs.rows.queries import lock_job
from services.runs.settings import RunsSettings
from services.runs.times import Hearing, Moment, begin_times_anew, pull_in_times
from shared.clock import utc_now
from shared.db import Database
from shared.errors import NotFound

JOBS_PER_SWEEP_MAX = 100

log = structlog.get_logger(__name__)


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
        unclaimed = await list_unclaimed(session, now, limit=JOBS_PER_SWEEP_MAX)
    for job_id in expired if is_fair else ():
        await _expire(database, job_id, settings)
    await offer_again(database, unclaimed, settings)


async def _expire(database: Database, job_id: int, settings: RunsSettings) -> None:
    """Its own short transaction; a job that was deleted meanwhile needs nothing."""
    with suppress(NotFound):
        async with database.transaction() as session:
            run, job = await lock_job(session, job_id, owner_id=None)
            if why := leases.why_it_ends(job, settings):
                told = {"job": job_id, "attempt": job.attempt, "worker": job.worker, "why": why}
                log.warning("lease_ended", **told)
                await leases.expire(session, run, job, why, settings)
                measures.EXPIRED.inc()
