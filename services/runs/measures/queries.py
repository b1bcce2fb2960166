"""What is asked of the database for the metrics: only by indexes that hold what is not over."""

from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Backend, Job
from services.runs.states import TERMINAL, UNFINISHED
from shared.db import col

# Built once: asked every few seconds, for ever, that is what they cost.
BY_STATUS = (
    select(col(Job.status), func.count())
    .where(col(Job.status).in_(UNFINISHED))
    .group_by(col(Job.status))
)
READY = select(func.count(), func.min(col(Job.ready_at))).where(col(Job.announce_at).is_not(None))
LEASES = select(func.count()).where(
    col(Job.lease_expires_at).is_not(None), col(Job.status).not_in(TERMINAL)
)
PRESENT = select(func.count()).where(col(Backend.present_until) > bindparam("now"))


async def count_unfinished(session: AsyncSession) -> dict[str, int]:
    rows = (await session.execute(BY_STATUS)).all()
    return {row[0]: row[1] for row in rows}


async def find_ready(session: AsyncSession) -> tuple[int, datetime | None]:
    """How many jobs are on offer, and since when the oldest of them."""
    count, since = (await session.execute(READY)).one()
    return count, since


async def count_leases(session: AsyncSession) -> int:
    return int(await session.scalar(LEASES) or 0)


async def count_present(session: AsyncSession, now: datetime) -> int:
    return int(await session.scalar(PRESENT, {"now": now}) or 0)
