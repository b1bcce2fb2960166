"""A log grows at its end, to the byte, up to a limit; `_store` is the one way into it.

A chunk says how many bytes stand before it, so one that is sent twice is stored once. A log that
reaches its limit gets a line of ours that says where it was cut, and takes nothing more but such
lines. Callers hold the job's lock; `JobRow.log_bytes` is the sum of the pieces, and null for a log
that never was.
"""

from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.errors import LogGap
from services.runs.live import feed
from services.runs.logs import queries
from services.runs.models import LogChunk
from services.runs.rows.holding import JobRow
from shared.db import col, table_of

# Short lines are gathered in one row, up to this size; longer texts fill several.
CHUNK_BYTES_MAX = 64 * 1024
OWN_LINE_PREFIX = "mlsploit: "

ADD = insert(table_of(LogChunk))
LENGTHEN = update(table_of(LogChunk)).where(
    col(LogChunk.job_id) == bindparam("of_job"), col(LogChunk.start) == bindparam("from_byte")
)
CUT = delete(table_of(LogChunk)).where(
    col(LogChunk.job_id) == bindparam("of_job"), col(LogChunk.start) >= bindparam("from_byte")
)


async def append_at(
    session: AsyncSession, job: JobRow, offset: int, text: str, *, bytes_max: int
) -> None:
    """Store what of a text is not stored yet; of a log that was cut, nothing is."""
    if job.log_cut_at is not None:
        return
    piece = text.encode()
    stored = job.log_bytes or 0
    known = stored - offset
    if known < 0 or not await _has(session, job, offset, piece[:known]):
        raise LogGap(stored)
    await _append(session, job, piece[known:], bytes_max)


async def append_line(session: AsyncSession, job: JobRow, sentence: str) -> None:
    """A line of our own, at the start of a line; the limit is not for these."""
    last = await queries.find_last_chunk(session, job.id)
    begins_line = last is None or last.text.endswith("\n")
    line = f"{'' if begins_line else chr(10)}{OWN_LINE_PREFIX}{sentence}\n"
    await _store(session, job, line.encode(), is_ours=True)


def begin_anew(job: JobRow) -> None:
    """Whoever does the job next writes below what stands here, knowing of it or not."""
    job.log_base = job.log_bytes or 0


async def replace(session: AsyncSession, job: JobRow, text: str | None, *, bytes_max: int) -> None:
    """Backends of old send the whole log with every line: store what is new at its end.

    Their whole log is what they themselves said: earlier attempts and our own lines stay.
    """
    whole = (text or "").encode()
    known = await _length_of_beginning(session, job, whole)
    if text is None or known is None:
        await _forget(session, job, whole, has_text=text is not None, bytes_max=bytes_max)
    elif job.log_cut_at is None:
        await _append(session, job, whole[known:], bytes_max)


async def _has(session: AsyncSession, job: JobRow, offset: int, piece: bytes) -> bool:
    """Whether these bytes are what is stored there."""
    end = offset + len(piece)
    async for chunk in queries.each_chunk(session, job, offset, end):
        stored = chunk.text.encode()[max(0, offset - chunk.start) : end - chunk.start]
        position = max(0, chunk.start - offset)
        if piece[position : position + len(stored)] != stored:
            return False
    return True


async def _append(session: AsyncSession, job: JobRow, piece: bytes, bytes_max: int) -> None:
    room = max(0, bytes_max - (job.log_bytes or 0))
    kept = piece[: _whole_characters(piece, room)]
    await _store(session, job, kept)
    if len(kept) < len(piece):
        job.log_cut_at = job.log_bytes
        sentence = f"the log was cut here, at {job.log_bytes} bytes; what followed was not kept"
        await append_line(session, job, sentence)


async def _store(
    session: AsyncSession, job: JobRow, piece: bytes, *, is_ours: bool = False
) -> None:
    job_id, start = job.id, job.log_bytes or 0
    job.log_bytes = start + len(piece)
    if not piece:
        return
    feed.log_grew(session, job, start, len(piece))
    last = await queries.find_last_chunk(session, job_id)
    if last is not None and not is_ours and _takes(last, job, piece):
        longer = {"text": last.text + piece.decode(), "size": last.size + len(piece)}
        await session.execute(LENGTHEN, {"of_job": job_id, "from_byte": last.start, **longer})
        return
    chunks = []
    while piece:
        size = _whole_characters(piece, CHUNK_BYTES_MAX)
        text = piece[:size].decode()
        chunk = {"job_id": job_id, "start": start, "size": size, "text": text, "is_ours": is_ours}
        chunks.append(chunk)
        start, piece = start + size, piece[size:]
    await session.execute(ADD, chunks)


def _takes(last: Any, job: JobRow, piece: bytes) -> bool:
    is_of_this_attempt = last.start >= job.log_base
    return is_of_this_attempt and not last.is_ours and last.size + len(piece) <= CHUNK_BYTES_MAX


def _whole_characters(piece: bytes, size_max: int) -> int:
    """The most of it that does not end within a character."""
    if size_max >= len(piece):
        return len(piece)
    size = size_max
    while size and piece[size] & 0xC0 == 0x80:
        size -= 1
    return size


async def _length_of_beginning(session: AsyncSession, job: JobRow, whole: bytes) -> int | None:
    """How much of the text this backend has said before; None when it did not begin like that."""
    known = 0
    async for chunk in queries.each_chunk(session, job, job.log_base, job.log_bytes):
        if chunk.start < job.log_base or chunk.is_ours:
            continue
        if whole[known : known + chunk.size] != chunk.text.encode():
            return None
        known += chunk.size
    return known


async def _forget(
    session: AsyncSession, job: JobRow, whole: bytes, *, has_text: bool, bytes_max: int
) -> None:
    """Another text in the place of what this backend said before."""
    sentences = [
        chunk.text.strip("\n").removeprefix(OWN_LINE_PREFIX)
        async for chunk in queries.each_chunk(session, job, job.log_base, job.log_bytes)
        if chunk.is_ours and chunk.start >= job.log_base and chunk.start != job.log_cut_at
    ]
    await session.execute(CUT, {"of_job": job.id, "from_byte": job.log_base})
    if (job.log_bytes or 0) > job.log_base:
        feed.log_cut(session, job, job.log_base)
    job.log_bytes = job.log_base or None
    job.log_cut_at = None
    job.log_edition += 1
    if has_text:
        await _append(session, job, whole, bytes_max)
    for sentence in sentences:
        await append_line(session, job, sentence)
