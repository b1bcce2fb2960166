"""What a backend does between its claim and its final report; all of it only under its lease."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, logs
from services.runs.models import Job, Run
from services.runs.schemas import Heartbeat, LogAppend, Release
from services.runs.settings import RunsSettings


def renew(job: Job, heartbeat: Heartbeat, settings: RunsSettings) -> None:
    leases.check_held(job, heartbeat.lease)
    leases.extend(job, settings)


async def append_log(
    session: AsyncSession, job: Job, chunk: LogAppend, settings: RunsSettings
) -> int:
    """The length of the log afterwards."""
    leases.check_held(job, chunk.lease)
    return await logs.append_at(
        session, job, chunk.offset, chunk.text, bytes_max=settings.log_bytes_max
    )


async def release(
    session: AsyncSession, run: Run, job: Job, body: Release, settings: RunsSettings
) -> None:
    leases.check_held(job, body.lease)
    reason = f"released: {body.reason or 'no reason given'}"
    await leases.give_back(session, run, job, reason, settings)
