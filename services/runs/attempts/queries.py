"""Every SELECT about attempts."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import Job, JobAttempt


async def find_open_attempt(session: AsyncSession, job: Job) -> JobAttempt | None:
    statement = select(JobAttempt).where(
        col(JobAttempt.job_id) == job.id,
        col(JobAttempt.attempt) == job.attempt,
        col(JobAttempt.ended_at).is_(None),
    )
    return (await session.scalars(statement)).one_or_none()
