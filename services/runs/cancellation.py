"""Canceling a run: everything in it that has not ended ends now, whoever is at work on it.

The leases end in the same transaction, so no result of a canceled job is ever accepted; its backend
hears of it by the event, and at its next heartbeat at the latest.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, progress
from services.runs.errors import RunEnded
from services.runs.logs import writing
from services.runs.rows import holding
from services.runs.rows.queries import lock_jobs, lock_run
from services.runs.settings import RunsSettings
from services.runs.states import TERMINAL
from shared.auth import Caller


async def cancel_run(
    session: AsyncSession, run_id: int, caller: Caller, settings: RunsSettings
) -> None:
    """Safe to repeat; a run that ended by itself is not canceled afterwards."""
    run = await lock_run(session, run_id, owner_id=caller.only_owner)
    if run.status == "CANCELED":
        return
    if run.status in TERMINAL:
        raise RunEnded(run.status)
    reason = f"canceled by {caller.username}"
    unfinished = [job for job in await lock_jobs(session, run_id) if job.status not in TERMINAL]
    for job in unfinished:
        if job.status == "RUNNING":
            await writing.append_line(session, job, reason)
        await leases.revoke(session, job, reason)
    await progress.move_all(session, run, unfinished, "CANCELED", settings)
    # The answer is read from the database.
    await holding.write(session)
