"""Runs and jobs to be changed: locked until the transaction ends, and written by then.

A run comes before its jobs in every change of them: changes of one run are made one by one.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Job, Run
from services.runs.rows.holding import JOBS, RUNS, JobRow, RunRow, hold
from shared.db import col, table_of
from shared.errors import NotFound

# Asked with every change, so built once.
RUN = select(*RUNS.columns).where(col(Run.id) == bindparam("run_id")).with_for_update()
JOB = select(*JOBS.columns).where(col(Job.id) == bindparam("job_id"))
JOB_ALONE = JOB.with_for_update()
JOB_AND_RUN = (
    select(*RUNS.columns, *JOBS.columns)
    .select_from(table_of(Run))
    .join(table_of(Job), col(Job.run_id) == col(Run.id))
    .where(col(Job.id) == bindparam("job_id"))
    .with_for_update()
)
JOBS_OF_RUN = (
    select(*JOBS.columns)
    .where(col(Job.run_id) == bindparam("run_id"))
    .order_by(col(Job.id))
    .with_for_update()
)
CHILD = select(*JOBS.columns).where(col(Job.parent_id) == bindparam("job_id"))


async def lock_run(session: AsyncSession, run_id: int, *, owner_id: int | None) -> RunRow:
    found = (await session.execute(RUN, {"run_id": run_id})).one_or_none()
    if found is None or owner_id not in (None, found.owner_id):
        raise NotFound
    return hold(session, RUNS, found)


async def lock_job(
    session: AsyncSession, job_id: int, *, owner_id: int | None
) -> tuple[RunRow, JobRow]:
    """A job with its run; the run is locked before the job."""
    found = (await session.execute(JOB_AND_RUN, {"job_id": job_id})).one_or_none()
    if found is None or owner_id not in (None, found.owner_id):
        raise NotFound
    of_run = len(RUNS.columns)
    return hold(session, RUNS, found[:of_run]), hold(session, JOBS, found[of_run:])


async def lock_job_alone(session: AsyncSession, job_id: int, *, owner_id: int | None) -> JobRow:
    """For what concerns neither the job's run nor its neighbours: heartbeats and log lines."""
    found = (await session.execute(JOB_ALONE, {"job_id": job_id})).one_or_none()
    if found is None or owner_id not in (None, found.owner_id):
        raise NotFound
    return hold(session, JOBS, found)


async def lock_jobs(session: AsyncSession, run_id: int) -> Sequence[JobRow]:
    """All jobs of a run that is locked already, in their order."""
    found = (await session.execute(JOBS_OF_RUN, {"run_id": run_id})).all()
    return [hold(session, JOBS, row) for row in found]


async def find_child(session: AsyncSession, job_id: int) -> JobRow | None:
    """The job after one whose run is locked, so it is in nobody else's hand."""
    found = (await session.execute(CHILD, {"job_id": job_id})).one_or_none()
    return None if found is None else hold(session, JOBS, found)


async def get_job(session: AsyncSession, job_id: int, *, owner_id: int | None) -> JobRow:
    """Only to be read; nothing is locked."""
    found = (await session.execute(JOB, {"job_id": job_id})).one_or_none()
    if found is None or owner_id not in (None, found.owner_id):
        raise NotFound
    return JobRow(*found)
