"""What a backend does between its claim and its final report; all of it only under its lease."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases
from services.runs.logs import writing
from services.runs.rows.holding import JobRow, RunRow
from services.runs.schemas import Heartbeat, LogAppend, Release
from services.runs.settings import RunsSettings


def renew(job: JobRow, heartbeat: Heartbeat, settings: RunsSettings) -> None:
    leases.check_held(job, heartbeat.lease)
    leases.extend(job, settings)


async def append_log(
    session: AsyncSession, job: JobRow, chunk: LogAppend, settings: RunsSettings
) -> dict[str, Any]:
    """Where the log ends afterwards, and whether it takes no more."""
    leases.check_held(job, chunk.lease)
    await writing.append_at(
        session, job, chunk.offset, chunk.text, bytes_max=settings.log_bytes_max
    )
    return {"offset": job.log_bytes or 0, "full": job.log_cut_at is not None}


async def release(
    session: AsyncSession, run: RunRow, job: JobRow, body: Release, settings: RunsSettings
) -> None:
    leases.check_held(job, body.lease)
    reason = f"released: {body.reason or 'no reason given'}"
    await leases.give_back(session, run, job, reason, settings)
