"""The rules of runs: made whole with their chain of jobs, gone whole with all they made."""

from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs import presenter, progress, queries
from services.runs.dependencies import Means
from services.runs.errors import AdministratorsStartNoRuns
from services.runs.live import feed
from services.runs.models import (
    AttemptOutput,
    Backend,
    Job,
    JobAttempt,
    JobOutput,
    LogChunk,
    Run,
    RunFile,
    Tombstone,
)
from services.runs.planning import Plan, plan_run
from services.runs.queries import RunFilter
from services.runs.rows import holding
from services.runs.rows.holding import JobRow, RunRow
from services.runs.rows.queries import lock_job, lock_run
from services.runs.settings import RunsSettings
from services.runs.webhooks.telling import tell
from shared.auth import Caller
from shared.bodies import Submission
from shared.clock import utc_now
from shared.db import lock_name, table_of
from shared.errors import LINK_MISSING, InvalidFields
from shared.events.runs import RunCreated, RunDeleted
from shared.idempotency import keep_created

USER = "user"
PIPELINE = "pipeline"
INSERT_FILES = insert(table_of(RunFile))


async def create_run(means: Means, submission: Submission, caller: Caller) -> dict[str, Any]:
    """A refused run leaves nothing behind, and no transaction waits for a peer."""
    if caller.is_staff:
        raise AdministratorsStartNoRuns
    plan = await plan_run(means.peers, submission, caller)
    async with means.database.transaction() as session:
        await _refuse_what_is_gone(session, caller.user_id, plan.pipeline_id)
        run, jobs = await _add_run(session, plan, caller.user_id, means.settings)
        job_ids = [job.id for job in jobs]
        made = presenter.view_run(run, plan.file_ids, job_ids, means.links)
        return await keep_created(session, made)


async def _add_run(
    session: AsyncSession, plan: Plan, owner_id: int, settings: RunsSettings
) -> tuple[RunRow, list[JobRow]]:
    """All of it, told of, and the first job offered."""
    now = utc_now()
    run = RunRow(
        id=0, owner_id=owner_id, pipeline_id=plan.pipeline_id, holder=plan.holder, created_at=now
    )
    await holding.add(session, holding.RUNS, run)
    if plan.file_ids:
        files = [{"run_id": run.id, "file_id": file_id} for file_id in plan.file_ids]
        await session.execute(INSERT_FILES, files)
    jobs = await _add_jobs(session, plan, run, settings)
    event = RunCreated(
        run_id=run.id,
        owner_id=owner_id,
        pipeline_id=plan.pipeline_id,
        job_ids=[job.id for job in jobs],
        file_ids=plan.file_ids,
        holder=plan.holder,
    )
    await tell(session, event)
    await progress.announce(session, jobs[0], plan.file_ids)
    feed.run_changed(session, run)
    for job in jobs:
        feed.job_changed(session, job)
    return run, jobs


async def _add_jobs(
    session: AsyncSession, plan: Plan, run: RunRow, settings: RunsSettings
) -> list[JobRow]:
    jobs: list[JobRow] = []
    for step in plan.steps:
        function = step.function
        job = JobRow(
            id=0,
            run_id=run.id,
            owner_id=run.owner_id,
            parent_id=jobs[-1].id if jobs else None,
            created_at=run.created_at,
            task_id=step.task_id,
            function=function.name,
            module=function.module_name,
            repo_url=function.repo_url,
            commit=function.commit,
            arguments=step.arguments,
            timeout_seconds=function.timeout_seconds,
        )
        if not jobs:
            progress.put_off_offer(job, settings)
        await holding.add(session, holding.JOBS, job)
        jobs.append(job)
    return jobs


async def _refuse_what_is_gone(session: AsyncSession, owner_id: int, pipeline_id: int) -> None:
    """What was there when we asked may be gone by now, and its event was handled already."""
    if await queries.any_is_gone(session, (USER, owner_id), (PIPELINE, pipeline_id)):
        raise InvalidFields.of_field("pipeline", LINK_MISSING)


async def delete_run(session: AsyncSession, run_id: int, *, owner_id: int | None) -> None:
    """Jobs, logs and - within a moment - output files go; a backend at work finds its job gone."""
    run = await lock_run(session, run_id, owner_id=owner_id)
    event = RunDeleted(
        run_id=run_id,
        owner_id=run.owner_id,
        holder=run.holder,
        output_file_ids=await queries.made_file_ids(session, run_id),
    )
    job_ids = [state.id for state in await queries.list_states(session, run_id)]
    for table in (LogChunk, JobAttempt, AttemptOutput, JobOutput):
        await session.execute(delete(table).where(col(table.job_id).in_(job_ids)))
    await session.execute(delete(Job).where(col(Job.run_id) == run_id))
    await session.execute(delete(RunFile).where(col(RunFile.run_id) == run_id))
    await session.execute(delete(Run).where(col(Run.id) == run_id))
    await tell(session, event)
    feed.run_deleted(session, run)


async def delete_runs_of_user(session: AsyncSession, user_id: int) -> None:
    await _delete_runs_of(session, USER, user_id, RunFilter(owner_id=user_id))
    await session.execute(delete(Backend).where(col(Backend.owner_id) == user_id))
    feed.owner_deleted(session, user_id)


async def delete_runs_of_pipeline(session: AsyncSession, pipeline_id: int) -> None:
    await _delete_runs_of(session, PIPELINE, pipeline_id, RunFilter(pipeline_ids=[pipeline_id]))


async def _delete_runs_of(
    session: AsyncSession, kind: str, thing_id: int, which: RunFilter
) -> None:
    # After whoever is just making a run of it, so that the run is seen below.
    await lock_name(session, f"{kind} {thing_id}", is_alone=True)
    await session.merge(Tombstone(kind=kind, id=thing_id))
    for run_id in await queries.list_run_ids(session, which):
        await delete_run(session, run_id, owner_id=None)


async def forget_output(session: AsyncSession, file_id: int, *, owner_id: int) -> None:
    """No job or attempt lists the file any more; only its owner's could."""
    listing = await queries.job_ids_with_output(session, file_id, owner_id=owner_id)
    jobs = [(await lock_job(session, job_id, owner_id=None))[1] for job_id in listing]
    for table in (JobOutput, AttemptOutput):
        await session.execute(
            delete(table).where(
                col(table.file_id) == file_id,
                col(table.job_id).in_(queries.job_ids_of(owner_id)),
            )
        )
    for job in jobs:
        await progress.tell_outputs(session, job)
