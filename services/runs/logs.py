"""A job's log: kept to the byte, in pieces that grow at the end.

A chunk says how many bytes stand before it, so one that is sent twice is stored once. Callers hold
the job's lock; `Job.log_bytes` is the sum of the pieces, and null for a log that never was.
"""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs import queries
from services.runs.errors import LogFull, LogGap
from services.runs.live import feed
from services.runs.models import Job, LogChunk

# Short lines are gathered in one row, up to this size.
CHUNK_BYTES_MAX = 64 * 1024
OWN_LINE_PREFIX = "mlsploit: "


async def append_at(
    session: AsyncSession, job: Job, offset: int, text: str, *, bytes_max: int
) -> int:
    """Store a chunk unless it is stored already; the length of the log afterwards."""
    stored = job.log_bytes or 0
    end = offset + len(text.encode())
    if end <= stored:
        return stored
    if offset != stored:
        raise LogGap(stored)
    if end > bytes_max:
        raise LogFull(bytes_max)
    await append(session, job, text)
    return end


async def append(session: AsyncSession, job: Job, text: str) -> None:
    size = len(text.encode())
    start = job.log_bytes or 0
    job.log_bytes = start + size
    if size == 0:
        return
    feed.log_grew(session, job, start, size)
    last = await queries.find_last_chunk(session, job.id or 0)
    if last is not None and last.size + size <= CHUNK_BYTES_MAX:
        last.text += text
        last.size += size
    else:
        session.add(LogChunk(job_id=job.id or 0, start=start, size=size, text=text))
        await session.flush()


async def append_line(session: AsyncSession, job: Job, sentence: str) -> None:
    """A line of our own, at the start of a line."""
    last = await queries.find_last_chunk(session, job.id or 0)
    begins_line = last is None or last.text.endswith("\n")
    await append(session, job, f"{'' if begins_line else chr(10)}{OWN_LINE_PREFIX}{sentence}\n")


async def replace(session: AsyncSession, job: Job, text: str | None) -> None:
    """Backends of old send the whole log with every line: store what is new at its end."""
    if text is not None and job.log_bytes is not None:
        stored = await queries.log_text(session, job.id or 0)
        if text.startswith(stored):
            await append(session, job, text[len(stored) :])
            return
    await session.execute(delete(LogChunk).where(col(LogChunk.job_id) == job.id))
    if job.log_bytes:
        feed.log_cut(session, job, 0)
    job.log_bytes = None
    if text is not None:
        await append(session, job, text)
