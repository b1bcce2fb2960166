"""Every SELECT about attempts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import AttemptOutput, JobAttempt
from services.runs.rows.holding import JobRow
from shared.paging import Orders, Page

ATTEMPT_COLUMNS = (
    col(JobAttempt.id),
    col(JobAttempt.attempt),
    col(JobAttempt.worker),
    col(JobAttempt.started_at),
    col(JobAttempt.ended_at),
    col(JobAttempt.reason),
    col(JobAttempt.output),
)
ATTEMPT_ORDERS = Orders(
    {"id": col(JobAttempt.id), "started": col(JobAttempt.started_at)}, col(JobAttempt.started_at)
)


async def list_attempts(session: AsyncSession, job: JobRow, page: Page) -> Sequence[Any]:
    statement = select(*ATTEMPT_COLUMNS).where(col(JobAttempt.job_id) == job.id)
    return page.cut((await session.execute(page.applied(statement), page.params)).all())


async def list_outputs(session: AsyncSession, job: JobRow) -> Sequence[Any]:
    """(attempt, file) of what earlier attempts left, both ascending."""
    columns = col(AttemptOutput.attempt), col(AttemptOutput.file_id)
    statement = select(*columns).where(col(AttemptOutput.job_id) == job.id).order_by(*columns)
    return (await session.execute(statement)).all()
