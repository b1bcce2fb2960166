"""Every SELECT about jobs that nobody takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Job
from services.runs.rows.holding import JOBS, JobRow, hold
from shared.db import col

# Asked every other second, for ever, so built once.
UNCLAIMED: Select[Any] = (
    select(col(Job.id))
    .where(col(Job.announce_at) < bindparam("now"))
    .order_by(col(Job.announce_at))
    .limit(bindparam("limit"))
)
OFFERED = select(col(Job.id)).where(col(Job.announce_at).is_not(None)).limit(1)


async def list_unclaimed(session: AsyncSession, now: datetime, *, limit: int) -> Sequence[int]:
    """Jobs on offer whose last announcement is too long ago."""
    return (await session.scalars(UNCLAIMED, {"now": now, "limit": limit})).all()


async def any_offered(session: AsyncSession) -> bool:
    return (await session.scalars(OFFERED)).first() is not None


async def lock_unclaimed(
    session: AsyncSession, job_ids: Sequence[int], now: datetime
) -> Sequence[JobRow]:
    """Those of these that still are; what somebody else holds is being taken or offered."""
    statement = select(*JOBS.columns).where(col(Job.id).in_(job_ids), col(Job.announce_at) < now)
    statement = statement.order_by(col(Job.id)).with_for_update(skip_locked=True)
    return [hold(session, JOBS, row) for row in (await session.execute(statement)).all()]
