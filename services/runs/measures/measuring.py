"""Keeps the gauges of runs up to date, and counts what was committed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import measures
from services.runs.measures import queries
from services.runs.rows.holding import JobRow
from services.runs.states import TERMINAL, UNFINISHED
from shared.clock import utc_now
from shared.db import Database

MEASURE_SECONDS = 5.0
# On a session: the jobs that were moved in its transaction.
MOVED = "moved_jobs"


async def measure_jobs(app: FastAPI) -> None:
    """For as long as the process lives; every replica sees the same database."""
    database: Database = app.state.database
    database.on_commit.append(count_moves)
    try:
        while True:
            # A database that is away is told by readiness.
            with suppress(SQLAlchemyError, OSError):
                await measure(database)
            await asyncio.sleep(MEASURE_SECONDS)
    finally:
        database.on_commit.remove(count_moves)


async def measure(database: Database) -> None:
    now = utc_now()
    async with database.reading() as session:
        unfinished = await queries.count_unfinished(session)
        ready, since = await queries.find_ready(session)
        leases = await queries.count_leases(session)
        present = await queries.count_present(session, now)
    for status in UNFINISHED:
        measures.UNFINISHED.labels(status).set(unfinished.get(status, 0))
    measures.READY.set(ready)
    # Clocks are set back: nothing has waited or lasted for less than no time.
    measures.READY_AGE.set(max(0, (now - since).total_seconds()) if since else 0)
    measures.LEASES.set(leases)
    measures.BACKENDS.set(present)


def note_moved(session: AsyncSession, jobs: Sequence[JobRow]) -> None:
    session.info.setdefault(MOVED, []).extend(jobs)


def count_moves(session: AsyncSession) -> None:
    for job in session.info.get(MOVED, ()):
        measures.MOVES.labels(job.status).inc()
        if job.status in TERMINAL and job.started_at and job.ended_at:
            seconds = (job.ended_at - job.started_at).total_seconds()
            measures.DURATION.labels(job.status).observe(max(0, seconds))
