"""Every SELECT of runs and jobs to be read; those to be changed are read by `rows.queries`.

Reads for a person take that person's id (None: staff, see all).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import AttemptOutput, Job, JobOutput, Run, RunFile, Tombstone
from shared.db import col, lock_name, table_of
from shared.paging import Orders, Page
from shared.selections import Narrowing, Selection

RUN_COLUMNS = (
    col(Run.id),
    col(Run.owner_id),
    col(Run.pipeline_id),
    col(Run.status),
    col(Run.created_at),
    col(Run.started_at),
    col(Run.ended_at),
)
JOB_COLUMNS = (
    col(Job.id),
    col(Job.run_id),
    col(Job.owner_id),
    col(Job.parent_id),
    col(Job.task_id),
    col(Job.function),
    col(Job.module),
    col(Job.commit),
    col(Job.arguments),
    col(Job.status),
    col(Job.output),
    col(Job.log_bytes),
    col(Job.attempt),
    col(Job.worker),
    col(Job.created_at),
    col(Job.started_at),
    col(Job.ended_at),
    col(Job.ready_at),
)
RUNS = Selection(select(*RUN_COLUMNS))
RUN_IDS = Selection(select(col(Run.id)).order_by(col(Run.id)))
JOBS = Selection(select(*JOB_COLUMNS))
# (pipeline, run), both ascending.
PIPELINE_RUNS = Selection(
    select(col(Run.pipeline_id), col(Run.id)).order_by(col(Run.pipeline_id), col(Run.id))
)
# (run, file), both ascending.
RUN_FILES = Selection(
    select(col(RunFile.run_id), col(RunFile.file_id))
    .join(table_of(Run), col(Run.id) == col(RunFile.run_id))
    .order_by(col(RunFile.run_id), col(RunFile.file_id))
)
# (run, job), both ascending: a run's jobs are made in the order of its tasks.
RUN_JOBS = Selection(
    select(col(Job.run_id), col(Job.id))
    .join(table_of(Run), col(Run.id) == col(Job.run_id))
    .order_by(col(Job.run_id), col(Job.id))
)
# (job, file), both ascending.
OUTPUTS = Selection(
    select(col(JobOutput.job_id), col(JobOutput.file_id))
    .join(table_of(Job), col(Job.id) == col(JobOutput.job_id))
    .order_by(col(JobOutput.job_id), col(JobOutput.file_id))
)
NOW: Any = bindparam("now")
# Asked every other second, for ever, so built once.
EXPIRED: Select[Any] = (
    select(col(Job.id))
    .where(or_(col(Job.lease_expires_at) < NOW, col(Job.deadline_at) < NOW))
    .order_by(col(Job.lease_expires_at))
    .limit(bindparam("limit"))
)
# Asked with every change of a job, so built once.
STATES = (
    select(col(Job.id), col(Job.status))
    .where(col(Job.run_id) == bindparam("run_id"))
    .order_by(col(Job.id))
)
OUTPUT_IDS = (
    select(col(JobOutput.file_id))
    .where(col(JobOutput.job_id) == bindparam("job_id"))
    .order_by(col(JobOutput.file_id))
)
FILE_IDS = (
    select(col(RunFile.file_id))
    .where(col(RunFile.run_id) == bindparam("run_id"))
    .order_by(col(RunFile.file_id))
)
RUN_ORDERS = Orders({"id": col(Run.id), "date_created": col(Run.created_at)}, col(Run.created_at))
JOB_ORDERS = Orders({"id": col(Job.id), "date_created": col(Job.created_at)}, col(Job.created_at))


@dataclass(frozen=True)
class RunFilter:
    """Which runs; None does not narrow."""

    owner_id: int | None = None
    ids: Sequence[int] | None = None
    pipeline_ids: Sequence[int] | None = None

    def narrowing(self) -> Narrowing:
        return (
            (col(Run.owner_id), None if self.owner_id is None else [self.owner_id]),
            (col(Run.id), self.ids),
            (col(Run.pipeline_id), self.pipeline_ids),
        )


@dataclass(frozen=True)
class JobFilter:
    """Which jobs; None does not narrow."""

    owner_id: int | None = None
    ids: Sequence[int] | None = None
    run_ids: Sequence[int] | None = None
    status: str | None = None

    def narrowing(self) -> Narrowing:
        return (
            (col(Job.owner_id), None if self.owner_id is None else [self.owner_id]),
            (col(Job.id), self.ids),
            (col(Job.run_id), self.run_ids),
            (col(Job.status), None if self.status is None else [self.status]),
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same, for a statement that is built for one request."""
        return [column.in_(values) for column, values in self.narrowing() if values is not None]


async def list_runs(
    session: AsyncSession, which: RunFilter, page: Page | None = None
) -> Sequence[Any]:
    return await RUNS.rows(session, which.narrowing(), page or Page(RUN_ORDERS))


async def list_pipeline_runs(session: AsyncSession, which: RunFilter) -> Sequence[Any]:
    rows = await PIPELINE_RUNS.rows(session, which.narrowing())
    return [(row.pipeline_id, row.id) for row in rows]


async def list_run_files(session: AsyncSession, which: RunFilter) -> Sequence[Any]:
    return await RUN_FILES.rows(session, which.narrowing())


async def list_run_jobs(session: AsyncSession, which: RunFilter) -> Sequence[Any]:
    return await RUN_JOBS.rows(session, which.narrowing())


async def list_jobs(
    session: AsyncSession, which: JobFilter, page: Page | None = None
) -> Sequence[Any]:
    return await JOBS.rows(session, which.narrowing(), page or Page(JOB_ORDERS))


async def list_outputs(session: AsyncSession, which: JobFilter) -> Sequence[Any]:
    return await OUTPUTS.rows(session, which.narrowing())


async def list_states(session: AsyncSession, run_id: int) -> Sequence[Any]:
    """(job, status) of a run's jobs, in their order."""
    return (await session.execute(STATES, {"run_id": run_id})).all()


async def output_ids(session: AsyncSession, job_id: int) -> list[int]:
    return list((await session.scalars(OUTPUT_IDS, {"job_id": job_id})).all())


async def run_file_ids(session: AsyncSession, run_id: int) -> list[int]:
    return list((await session.scalars(FILE_IDS, {"run_id": run_id})).all())


async def job_ids_with_output(
    session: AsyncSession, file_id: int, *, owner_id: int
) -> Sequence[int]:
    """A user's jobs that list the file, in the order in which they are to be locked."""
    statement = (
        select(col(JobOutput.job_id))
        .where(col(JobOutput.file_id) == file_id, col(JobOutput.job_id).in_(job_ids_of(owner_id)))
        .order_by(col(JobOutput.job_id))
    )
    return (await session.scalars(statement)).all()


def job_ids_of(owner_id: int) -> Select[Any]:
    """Of all the jobs of a user, for use in another statement."""
    return select(col(Job.id)).where(col(Job.owner_id) == owner_id)


async def made_file_ids(session: AsyncSession, run_id: int) -> list[int]:
    """The output files of all the run's attempts, without inputs of the run that were handed on."""
    inputs = select(col(RunFile.file_id)).where(col(RunFile.run_id) == run_id)
    jobs = select(col(Job.id)).where(col(Job.run_id) == run_id)
    made = union(
        select(col(JobOutput.file_id)).where(col(JobOutput.job_id).in_(jobs)),
        select(col(AttemptOutput.file_id)).where(col(AttemptOutput.job_id).in_(jobs)),
    ).subquery()
    [file_id] = made.c
    statement = select(file_id).where(file_id.not_in(inputs)).order_by(file_id)
    return list((await session.scalars(statement)).all())


async def list_expired(session: AsyncSession, now: datetime, *, limit: int) -> Sequence[int]:
    """Jobs whose backend has been silent, or at work, for too long."""
    return (await session.scalars(EXPIRED, {"now": now, "limit": limit})).all()


async def list_run_ids(session: AsyncSession, which: RunFilter) -> Sequence[int]:
    return [row.id for row in await RUN_IDS.rows(session, which.narrowing())]


async def holder_exists(session: AsyncSession, holder: str) -> bool:
    statement = select(col(Run.id)).where(col(Run.holder) == holder)
    return (await session.scalars(statement)).first() is not None


async def any_is_gone(session: AsyncSession, *things: tuple[str, int]) -> bool:
    """Whether one of these (kind, id) has left a tombstone; none does until we have ended."""
    await lock_name(session, *(f"{kind} {one}" for kind, one in things), is_alone=False)
    named = {f"kind{n}": kind for n, (kind, _) in enumerate(things)}
    ids = {f"id{n}": one for n, (_, one) in enumerate(things)}
    return (await session.scalars(_tombstones(len(things)), {**named, **ids})).first() is not None


@lru_cache
def _tombstones(count: int) -> Select[Any]:
    kind, one = col(Tombstone.kind), col(Tombstone.id)
    each = (and_(kind == bindparam(f"kind{n}"), one == bindparam(f"id{n}")) for n in range(count))
    return select(one).where(or_(*each))


async def holder_of(session: AsyncSession, run_id: int) -> str:
    statement = select(col(Run.holder)).where(col(Run.id) == run_id)
    return (await session.scalars(statement)).one()
