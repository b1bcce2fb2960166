"""Every SELECT on feeds, and on the bytes of logs that they tell of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import FeedEntry, FeedPosition, LogChunk, Run

ENTRY_COLUMNS = (
    col(FeedEntry.seq),
    col(FeedEntry.kind),
    col(FeedEntry.run_id),
    col(FeedEntry.job_id),
    col(FeedEntry.status),
    col(FeedEntry.attempt),
    col(FeedEntry.start),
    col(FeedEntry.size),
    col(FeedEntry.created_at),
)


class Position(NamedTuple):
    """The number of a feed's newest entry, and of the last one that is no longer kept."""

    last: int = 0
    pruned: int = 0


async def find_position(session: AsyncSession, owner_id: int) -> Position:
    statement = select(col(FeedPosition.last), col(FeedPosition.pruned)).where(
        col(FeedPosition.owner_id) == owner_id
    )
    found = (await session.execute(statement)).one_or_none()
    return Position() if found is None else Position(found.last, found.pruned)


async def list_positions(session: AsyncSession, owner_ids: Sequence[int]) -> dict[int, int]:
    """The newest entry of each of these owners' feeds."""
    statement = select(col(FeedPosition.owner_id), col(FeedPosition.last)).where(
        col(FeedPosition.owner_id).in_(owner_ids)
    )
    return {row.owner_id: row.last for row in await session.execute(statement)}


async def list_entries(
    session: AsyncSession, owner_id: int, run_ids: Sequence[int] | None, *, after: int, limit: int
) -> Sequence[Any]:
    statement = (
        select(*ENTRY_COLUMNS)
        .where(col(FeedEntry.owner_id) == owner_id, col(FeedEntry.seq) > after)
        .order_by(col(FeedEntry.seq))
        .limit(limit)
    )
    if run_ids is not None:
        statement = statement.where(col(FeedEntry.run_id).in_(run_ids))
    return (await session.execute(statement)).all()


async def list_log_pieces(
    session: AsyncSession, job_id: int, start: int, end: int
) -> Sequence[Any]:
    """(start, text) of the chunks that hold these bytes of a log, in their order."""
    of_job = col(LogChunk.job_id) == job_id
    first = select(func.max(col(LogChunk.start))).where(of_job, col(LogChunk.start) <= start)
    statement = (
        select(col(LogChunk.start), col(LogChunk.text))
        .where(of_job, col(LogChunk.start) >= first.scalar_subquery(), col(LogChunk.start) < end)
        .order_by(col(LogChunk.start))
    )
    return (await session.execute(statement)).all()


async def unknown_runs(
    session: AsyncSession, owner_id: int, run_ids: Sequence[int]
) -> Sequence[int]:
    """Those that the owner neither has nor had so recently that the feed still tells of it."""
    runs = select(col(Run.id)).where(col(Run.id).in_(run_ids), col(Run.owner_id) == owner_id)
    told = select(col(FeedEntry.run_id)).where(
        col(FeedEntry.run_id).in_(run_ids), col(FeedEntry.owner_id) == owner_id
    )
    known = set((await session.scalars(runs.union(told))).all())
    return sorted(set(run_ids) - known)


async def list_old(session: AsyncSession, before: datetime) -> Sequence[tuple[int, int]]:
    """(owner, last entry that is older) of each feed that has such entries."""
    statement = (
        select(col(FeedEntry.owner_id), func.max(col(FeedEntry.seq)))
        .where(col(FeedEntry.created_at) < before)
        .group_by(col(FeedEntry.owner_id))
    )
    return [(row[0], row[1]) for row in (await session.execute(statement)).all()]
