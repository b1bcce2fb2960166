"""Retrying a run: what is unfinished is done again, what is finished stays as it is.

The record of what was tried stays too: attempts count on, the log goes on, and the files of the
attempt that failed belong to it, held by the run until the run is deleted.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, outputs, progress, queries
from services.runs.dependencies import Means
from services.runs.errors import InputGone, NothingToRetry
from services.runs.queries import RunFilter
from services.runs.rows.queries import get_job, lock_jobs, lock_run
from services.runs.settings import RunsSettings
from services.runs.states import RETRIABLE
from shared.auth import Caller
from shared.clients.files import FilesClient
from shared.errors import NotFound


async def retry_run(means: Means, run_id: int, caller: Caller) -> None:
    """A run that FAILED or was CANCELED goes on from its first unfinished job."""
    async with means.database.reading() as session:
        input_ids = await _inputs_needed(session, run_id, caller)
    await _refuse_missing(means.peers.files, input_ids, caller)
    async with means.database.transaction() as session:
        await _begin_anew(session, run_id, caller, means.settings)


async def _inputs_needed(session: AsyncSession, run_id: int, caller: Caller) -> list[int]:
    which = RunFilter(owner_id=caller.only_owner, ids=[run_id])
    runs = await queries.list_runs(session, which)
    if not runs:
        raise NotFound
    _judge(runs[0].status)
    states = await queries.list_states(session, run_id)
    first = next(state.id for state in states if state.status in RETRIABLE)
    return await outputs.list_inputs(session, await get_job(session, first, owner_id=None))


async def _refuse_missing(files: FilesClient, input_ids: list[int], caller: Caller) -> None:
    found = await files.describe(input_ids, caller=caller) if input_ids else []
    gone = sorted(set(input_ids) - {file.id for file in found})
    if gone:
        raise InputGone(gone)


async def _begin_anew(
    session: AsyncSession, run_id: int, caller: Caller, settings: RunsSettings
) -> None:
    run = await lock_run(session, run_id, owner_id=caller.only_owner)
    _judge(run.status)
    jobs = [job for job in await lock_jobs(session, run_id) if job.status in RETRIABLE]
    for job in jobs:
        await leases.begin_anew(session, job, f"retried by {caller.username}")
    await progress.move_all(session, run, jobs, "PENDING", settings)
    for job in jobs:
        if job.ready_at is not None:
            await progress.offer(session, job, settings)


def _judge(status: str) -> None:
    if status not in RETRIABLE:
        raise NothingToRetry(status)
