"""Every SELECT of logs. A log may be far larger than memory: only a few pieces are read at a time.

Invariant: the pieces of a log follow each other without a gap, the first one starts at 0.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Job, LogChunk
from services.runs.queries import JobFilter
from services.runs.rows.holding import JobRow
from shared.db import col, table_of
from shared.paging import Page
from shared.selections import Selection

CHUNKS_AT_ONCE = 8
# With what a page may be sorted by.
SIZES = Selection(select(col(Job.id), col(Job.created_at), col(Job.log_bytes)))

CHUNK = table_of(LogChunk).c
CHUNK_COLUMNS = CHUNK.start, CHUNK.size, CHUNK.text, CHUNK.is_ours
OF_JOB = CHUNK.job_id == bindparam("job_id")
HOLDING = select(func.max(CHUNK.start)).where(OF_JOB, CHUNK.start <= bindparam("start"))
CHUNKS = (
    select(*CHUNK_COLUMNS)
    .join(table_of(Job), col(Job.id) == CHUNK.job_id)
    .where(
        OF_JOB,
        CHUNK.start >= HOLDING.scalar_subquery(),
        col(Job.log_edition) == bindparam("edition"),
    )
    .order_by(CHUNK.start)
    .limit(CHUNKS_AT_ONCE)
)
LAST_CHUNK = select(*CHUNK_COLUMNS).where(OF_JOB).order_by(CHUNK.start.desc()).limit(1)


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
    wanted = {"job_id": job_id, "start": start, "edition": edition}
    return (await session.execute(CHUNKS, wanted)).all()


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


async def find_last_chunk(session: AsyncSession, job_id: int) -> Any:
    """(start, size, text, is_ours); None of a log that has none."""
    return (await session.execute(LAST_CHUNK, {"job_id": job_id})).one_or_none()


async def list_shown_chunks(
    session: AsyncSession, which: JobFilter, *, bytes_max: int
) -> Sequence[Any]:
    """(job, (start, text)) in order: short logs whole, of longer ones both ends."""
    length, half = col(Job.log_bytes), bytes_max // 2
    statement = (
        select(CHUNK.job_id, CHUNK.start, CHUNK.text)
        .join(table_of(Job), col(Job.id) == CHUNK.job_id)
        .where(
            *which.conditions(),
            or_(
                length <= bytes_max,
                CHUNK.start < half,
                CHUNK.start + CHUNK.size > length - half,
            ),
        )
        .order_by(CHUNK.job_id, CHUNK.start)
    )
    rows = (await session.execute(statement)).all()
    return [(row.job_id, (row.start, row.text)) for row in rows]
