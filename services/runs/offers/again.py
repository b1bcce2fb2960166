"""Offers jobs again that nobody took, several in one transaction.

A queue may be thousands of jobs long, and each of them comes round again: one transaction for each
took a third of a second of a busy process at once, and everybody who asked meanwhile waited.
"""

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import progress
from services.runs.offers import queries
from services.runs.presenter import grouped
from services.runs.queries import JobFilter, RunFilter, list_outputs, list_run_files
from services.runs.rows.holding import JobRow
from services.runs.settings import RunsSettings
from shared.clock import utc_now
from shared.db import Database

# Few enough that a request that comes meanwhile hardly waits.
JOBS_AT_ONCE_MAX = 20

log = structlog.get_logger(__name__)


async def offer_again(database: Database, job_ids: Sequence[int], settings: RunsSettings) -> None:
    """Those that are still on offer, and were not announced meanwhile."""
    for at in range(0, len(job_ids), JOBS_AT_ONCE_MAX):
        async with database.transaction() as session:
            await _offer_some(session, job_ids[at : at + JOBS_AT_ONCE_MAX], settings)
        await asyncio.sleep(0)  # Whoever else waits has a turn.


async def _offer_some(
    session: AsyncSession, job_ids: Sequence[int], settings: RunsSettings
) -> None:
    jobs = await queries.lock_unclaimed(session, job_ids, utc_now())
    inputs = await _inputs(session, jobs)
    for job in jobs:
        log.info("job_announced_again", job=job.id, announcements=job.announcements)
        await progress.announce(session, job, inputs[job.id])
        progress.put_off_offer(job, settings)


async def _inputs(session: AsyncSession, jobs: Sequence[JobRow]) -> dict[int, list[int]]:
    """What each of them works on: its run's files, or the outputs of the job before it."""
    first = [job for job in jobs if job.parent_id is None]
    later = [job for job in jobs if job.parent_id is not None]
    of_runs = RunFilter(ids=[job.run_id for job in first])
    files = grouped(await list_run_files(session, of_runs))
    of_parents = JobFilter(ids=[job.parent_id or 0 for job in later])
    outputs = grouped(await list_outputs(session, of_parents))
    return {job.id: files[job.run_id] for job in first} | {
        job.id: outputs[job.parent_id or 0] for job in later
    }
