"""Every SELECT about jobs that nobody takes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import Job


async def list_unclaimed(session: AsyncSession, now: datetime, *, limit: int) -> Sequence[int]:
    """Jobs on offer whose last announcement is too long ago."""
    statement = select(col(Job.id)).where(col(Job.announce_at) < now)
    statement = statement.order_by(col(Job.announce_at)).limit(limit)
    return [job_id for job_id in (await session.scalars(statement)).all() if job_id]


async def lock_unclaimed(
    session: AsyncSession, job_ids: Sequence[int], now: datetime
) -> Sequence[Job]:
    """Those of these that still are; what somebody else holds is being taken or offered."""
    statement = select(Job).where(col(Job.id).in_(job_ids), col(Job.announce_at) < now)
    statement = statement.order_by(col(Job.id)).with_for_update(skip_locked=True)
    return (await session.scalars(statement)).all()
