"""The record of attempts: begun, ended with a reason, and what each of them left.

Invariants: a job has an open attempt exactly while it is RUNNING, and their numbers only grow.
"""

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import outputs
from services.runs.attempts import queries
from services.runs.models import AttemptOutput, JobAttempt
from services.runs.rows.holding import JobRow
from shared.clock import utc_now
from shared.db import col, table_of

BEGIN = insert(table_of(JobAttempt))
# The last one; it is the open one, if any is.
LAST = update(table_of(JobAttempt)).where(
    col(JobAttempt.job_id) == bindparam("of_job"), col(JobAttempt.attempt) == bindparam("number")
)
OPEN = LAST.where(col(JobAttempt.ended_at).is_(None)).returning(col(JobAttempt.id))
INSERT_OUTPUTS = insert(table_of(AttemptOutput))


async def begin(session: AsyncSession, job: JobRow, worker: str) -> None:
    job.attempt += 1
    job.worker = worker
    begun = {"job_id": job.id, "attempt": job.attempt, "worker": worker, "started_at": utc_now()}
    await session.execute(BEGIN, begun)


async def note(session: AsyncSession, job: JobRow, worker: str) -> None:
    """Somebody without a lease does the job, or has done it and only says so now."""
    if job.status != "RUNNING":
        await begin(session, job, worker)


async def end(session: AsyncSession, job: JobRow, reason: str) -> bool:
    """Whether there was one to end."""
    ended = {"of_job": job.id, "number": job.attempt, "ended_at": utc_now(), "reason": reason}
    return (await session.execute(OPEN, ended)).first() is not None


async def put_away(session: AsyncSession, job: JobRow) -> None:
    """The job's result becomes that of its last attempt; the job has none any more."""
    if job.output is not None:
        last = {"of_job": job.id, "number": job.attempt}
        await session.execute(LAST, {**last, "output": job.output})
    job.output = None
    left = {(row.attempt, row.file_id) for row in await queries.list_outputs(session, job)}
    made = [
        {"job_id": job.id, "attempt": job.attempt, "file_id": file_id}
        for file_id in await outputs.list_outputs(session, job.id)
        if (job.attempt, file_id) not in left
    ]
    if made:
        await session.execute(INSERT_OUTPUTS, made)
    await outputs.replace(session, job.id, [])
