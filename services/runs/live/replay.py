"""A feed, read page by page: entries as clients get them, log text cut from the stored chunks.

Invariant: whatever entries a page ends with, the texts of a log's events joined are the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from fastapi.sse import format_sse_event
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.live import queries
from services.runs.live.feed import JOB, LOG, LOG_BYTES_MAX, RUN
from shared.clock import iso
from shared.hyperlinks import Hyperlinks

ENTRIES_PER_PAGE_MAX = 500
LOG_BYTES_PER_PAGE_MAX = 8 * LOG_BYTES_MAX
# What a character of UTF-8 may have beyond its first byte.
REST_BYTES_MAX = 3


@dataclass(frozen=True)
class Feed:
    """Whose changes are told; None does not narrow them to some runs."""

    owner_id: int
    run_ids: Sequence[int] | None = None


@dataclass(frozen=True)
class Page:
    """Events as they are sent, the position after them, and whether these were all."""

    events: bytes
    position: int
    is_last: bool


@dataclass(frozen=True)
class _Change:
    """An entry, or several of one log that follow each other."""

    seq: int
    row: Any
    start: int = 0
    end: int = 0


async def read_page(session: AsyncSession, feed: Feed, after: int, links: Hyperlinks) -> Page:
    rows = await queries.list_entries(
        session, feed.owner_id, feed.run_ids, after=after, limit=ENTRIES_PER_PAGE_MAX
    )
    fitting = _fitting(rows)
    events = [await _event(session, change, links) for change in _joined(fitting)]
    position = fitting[-1].seq if fitting else after
    is_last = len(fitting) == len(rows) < ENTRIES_PER_PAGE_MAX
    return Page(b"".join(events), position, is_last)


def _fitting(rows: Sequence[Any]) -> Sequence[Any]:
    total = 0
    for count, row in enumerate(rows):
        total += row.size or 0
        if total > LOG_BYTES_PER_PAGE_MAX:
            return rows[:count]
    return rows


def _joined(rows: Sequence[Any]) -> list[_Change]:
    changes: list[_Change] = []
    for row in rows:
        if row.kind != LOG:
            changes.append(_Change(row.seq, row))
            continue
        before = changes[-1] if changes else None
        if before is not None and _goes_on(before, row):
            changes[-1] = replace(before, seq=row.seq, end=row.start + row.size)
        else:
            changes.append(_Change(row.seq, row, row.start, row.start + row.size))
    return changes


def _goes_on(before: _Change, row: Any) -> bool:
    is_same_log = before.row.kind == LOG and before.row.job_id == row.job_id
    return is_same_log and bool(before.end == row.start)


async def _event(session: AsyncSession, change: _Change, links: Hyperlinks) -> bytes:
    data = _data(change.row, links)
    if change.row.kind == LOG:
        offset, text = await _characters(session, change)
        data |= {"offset": offset, "text": text}
    return format_sse_event(event=change.row.kind, id=str(change.seq), data_str=_one_line(data))


def _one_line(data: dict[str, Any]) -> str:
    """JSON that is one line even to clients that end lines where Unicode, but not SSE, does."""
    text = orjson.dumps(data).decode()
    for ending in ("\x85", "\u2028", "\u2029"):
        text = text.replace(ending, f"\\u{ord(ending):04x}")
    return text


def _data(row: Any, links: Hyperlinks) -> dict[str, Any]:
    run = links.item("runs", row.run_id)
    if row.job_id is None:
        data = {"id": row.run_id, "url": run}
    else:
        data = {"id": row.job_id, "url": links.item("jobs", row.job_id), "run": run}
    if row.kind in (RUN, JOB):
        data["status"] = row.status
    if row.kind == JOB:
        data["attempt"] = row.attempt
    return {**data, "date": iso(row.created_at)}


async def _characters(session: AsyncSession, change: _Change) -> tuple[int, str]:
    """Those that begin within the bytes of the change, and where the first one does."""
    pieces = await queries.list_log_pieces(
        session, change.row.job_id, change.start, change.end + REST_BYTES_MAX
    )
    if not pieces:
        return change.start, ""
    base = pieces[0].start
    stored = b"".join(piece.text.encode() for piece in pieces)
    start = _next_character(stored, change.start - base)
    end = _next_character(stored, change.end - base)
    return base + start, stored[start:end].decode()


def _next_character(stored: bytes, at: int) -> int:
    while at < len(stored) and stored[at] & 0xC0 == 0x80:
        at += 1
    return at
