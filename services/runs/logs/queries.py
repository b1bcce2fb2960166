"""Every SELECT of logs. A log may be far larger than memory: only a few pieces are read at a time.

Invariant: the pieces of a log follow each other without a gap, the first one starts at 0.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import Job, LogChunk
from services.runs.queries import JobFilter
from services.runs.rows.holding import JobRow
from shared import db
from shared.paging import Page
from shared.selections import Selection

CHUNKS_AT_ONCE = 8
# With what a page may be sorted by.
SIZES = Selection(select(db.col(Job.id), db.col(Job.created_at), db.col(Job.log_bytes)))


async def list_sizes(session: AsyncSession, which: JobFilter, whole: Page) -> list[int]:
    """Of the logs of all these jobs, those that have any; others have a turn after each part."""
    sizes: list[int] = []
    part = whole.part()
    while True:
        rows = await SIZES.rows(session, which.narrowing(), part)
        sizes += [row.log_bytes for row in rows if row.log_bytes]
        if part.next_cursor is None:
            return sizes
        part = whole.part(part)
        await asyncio.sleep(0)


async def list_chunks(
    session: AsyncSession, job_id: int, start: int, *, edition: int
) -> Sequence[Any]:
    """Some pieces, from the one that holds byte `start`; none once the log is another one."""
    job, first = col(LogChunk.job_id) == job_id, col(LogChunk.start)
    holding = select(func.max(first)).where(job, first <= start).scalar_subquery()
    statement = (
        select(first, col(LogChunk.size), col(LogChunk.text), col(LogChunk.is_ours))
        .join(Job, col(Job.id) == col(LogChunk.job_id))
        .where(job, first >= holding, col(Job.log_edition) == edition)
        .order_by(first)
        .limit(CHUNKS_AT_ONCE)
    )
    return (await session.execute(statement)).all()


async def each_chunk(
    session: AsyncSession, job: JobRow, start: int, stop: int | None
) -> AsyncIterator[Any]:
    """Every piece from the one that holds byte `start` to the one with the byte before `stop`."""
    while start < (stop or 0):
        for chunk in await list_chunks(session, job.id, start, edition=job.log_edition):
            if chunk.start >= (stop or 0):
                return
            yield chunk
            start = chunk.start + chunk.size


async def find_last_chunk(session: AsyncSession, job_id: int) -> LogChunk | None:
    statement = (
        select(LogChunk)
        .where(col(LogChunk.job_id) == job_id)
        .order_by(col(LogChunk.start).desc())
        .limit(1)
    )
    return (await session.scalars(statement)).one_or_none()


async def list_shown_chunks(
    session: AsyncSession, which: JobFilter, *, bytes_max: int
) -> Sequence[Any]:
    """(job, (start, text)) in order: short logs whole, of longer ones both ends."""
    start, length, half = col(LogChunk.start), col(Job.log_bytes), bytes_max // 2
    statement = (
        select(col(LogChunk.job_id), start, col(LogChunk.text))
        .join(Job, col(Job.id) == col(LogChunk.job_id))
        .where(
            *which.conditions(),
            or_(
                length <= bytes_max,
                start < half,
                start + col(LogChunk.size) > length - half,
            ),
        )
        .order_by(col(LogChunk.job_id), start)
    )
    rows = (await session.execute(statement)).all()
    return [(row.job_id, (row.start, row.text)) for row in rows]
