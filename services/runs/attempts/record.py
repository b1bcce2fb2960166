"""The record of attempts: begun, ended with a reason, and what each of them left.

Invariants: a job has one open attempt at most, and their numbers only grow.
"""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.attempts import queries
from services.runs.models import AttemptOutput, Job, JobAttempt, JobOutput
from services.runs.queries import output_ids
from shared.clock import utc_now


async def begin(session: AsyncSession, job: Job, worker: str) -> None:
    job.attempt += 1
    job.worker = worker
    attempt = JobAttempt(
        job_id=job.id or 0, attempt=job.attempt, worker=worker, started_at=utc_now()
    )
    session.add(attempt)


async def note(session: AsyncSession, job: Job, worker: str) -> None:
    """Somebody without a lease does the job, or has done it and only says so now."""
    if await queries.find_open_attempt(session, job) is None:
        await begin(session, job, worker)


async def end(session: AsyncSession, job: Job, reason: str) -> bool:
    """Whether there was one to end."""
    attempt = await queries.find_open_attempt(session, job)
    if attempt is None:
        return False
    attempt.ended_at = utc_now()
    attempt.reason = reason
    return True


async def put_away(session: AsyncSession, job: Job) -> None:
    """The job's result becomes that of its last attempt; the job has none any more."""
    job_id = job.id or 0
    attempt = await queries.find_last_attempt(session, job)
    if attempt is not None and job.output is not None:
        attempt.output = job.output
    job.output = None
    left = {(row.attempt, row.file_id) for row in await queries.list_outputs(session, job)}
    session.add_all(
        AttemptOutput(job_id=job_id, attempt=job.attempt, file_id=file_id)
        for file_id in await output_ids(session, job_id)
        if (job.attempt, file_id) not in left
    )
    await session.execute(delete(JobOutput).where(col(JobOutput.job_id) == job_id))
