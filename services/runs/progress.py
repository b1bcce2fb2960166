"""What follows when a job changes state: who is told, whose turn it is, how the run stands.

Every change of state goes through `move`, with the run locked, so that a run's status always
follows from its jobs and a child is offered exactly once when its parent finishes.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import outputs, queries
from services.runs.live import feed
from services.runs.logs import writing
from services.runs.measures.measuring import note_moved
from services.runs.rows import holding
from services.runs.rows.holding import JobRow, RunRow
from services.runs.rows.queries import find_child
from services.runs.settings import RunsSettings
from services.runs.states import TERMINAL, run_status
from services.runs.webhooks.telling import tell
from shared.clock import utc_now
from shared.events.runs import (
    JobOutputsChanged,
    JobReady,
    JobStatus,
    JobStatusChanged,
    RunStatusChanged,
)
from shared.messaging.outbox import enqueue, publish

# A long queue must not fill the broker with announcements: each wait is twice the last, up to 8.
DOUBLINGS_MAX = 3


async def move(
    session: AsyncSession, run: RunRow, job: JobRow, status: JobStatus, settings: RunsSettings
) -> None:
    """Put a job into a state that it may have, and do all that follows from it."""
    await move_all(session, run, [job], status, settings)


async def move_all(
    session: AsyncSession,
    run: RunRow,
    jobs: Sequence[JobRow],
    status: JobStatus,
    settings: RunsSettings,
) -> None:
    """Several jobs of one run at once: the run's own change follows theirs, and is told last."""
    now = utc_now()
    for job in jobs:
        _stamp(job, status, now)
        await _tell_status(session, job, status)
        if status == "FINISHED":
            await _offer_child(session, job, settings)
    note_moved(session, jobs)
    await _update_run(session, run, now)


def _stamp(job: JobRow, status: JobStatus, now: datetime) -> None:
    job.status = status
    job.announce_at = None
    if status == "RUNNING":
        job.started_at = now
    elif status == "PENDING":
        job.started_at = job.ended_at = None
        writing.begin_anew(job)
    elif status in TERMINAL:
        job.ended_at = now


async def offer(session: AsyncSession, job: JobRow, settings: RunsSettings) -> None:
    """Announce a job that is ready, and note when to do it again should nobody come."""
    await announce(session, job, await outputs.list_inputs(session, job))
    put_off_offer(job, settings)


async def announce(session: AsyncSession, job: JobRow, input_ids: list[int]) -> None:
    event = JobReady(
        job_id=job.id,
        run_id=job.run_id,
        owner_id=job.owner_id,
        attempt=job.attempt + 1,
        module=job.module,
        repo_url=job.repo_url,
        commit=job.commit,
        function=job.function,
        options=json.loads(job.arguments),
        input_file_ids=input_ids,
    )
    envelope = event.envelope()
    await enqueue(session, event.offer_subject(), envelope.payload(), message_id=envelope.id)


def put_off_offer(job: JobRow, settings: RunsSettings) -> None:
    """Leave a job on offer without saying so now."""
    now = utc_now()
    job.ready_at = job.ready_at or now
    waits = settings.announce_again_seconds * 2 ** min(job.announcements, DOUBLINGS_MAX)
    job.announce_at = now + timedelta(seconds=waits)
    job.announcements += 1


async def _tell_status(session: AsyncSession, job: JobRow, status: JobStatus) -> None:
    feed.job_changed(session, job)
    await tell(
        session,
        JobStatusChanged(
            job_id=job.id,
            run_id=job.run_id,
            owner_id=job.owner_id,
            status=status,
            attempt=job.attempt,
            output_file_ids=await outputs.list_outputs(session, job.id),
        ),
    )


async def tell_outputs(session: AsyncSession, job: JobRow) -> None:
    """They changed while the job's status did not."""
    event = JobOutputsChanged(
        job_id=job.id,
        run_id=job.run_id,
        owner_id=job.owner_id,
        output_file_ids=await outputs.list_outputs(session, job.id),
    )
    await publish(session, event)


async def _offer_child(session: AsyncSession, job: JobRow, settings: RunsSettings) -> None:
    child = await find_child(session, job.id)
    if child is None or child.ready_at is not None:
        return
    # A backend that needs no announcements may have taken it already.
    if child.status == "PENDING":
        await offer(session, child, settings)
    else:
        child.ready_at = utc_now()


async def _update_run(session: AsyncSession, run: RunRow, now: datetime) -> None:
    await holding.write(session)
    states = await queries.list_states(session, run.id)
    status = run_status([state.status for state in states])
    if status == run.status:
        return
    run.status = status
    if status == "RUNNING":
        run.started_at = run.started_at or now
    run.ended_at = now if status in TERMINAL else None
    event = RunStatusChanged(run_id=run.id, owner_id=run.owner_id, status=status)
    await tell(session, event)
    feed.run_changed(session, run)
