"""Leases: who is doing a job right now, and what happens when they fall silent.

One claim wins. A lease is held until it is reported, released, or found expired by the sweeper;
its token then means nothing any more. Only the token's hash is stored.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import progress
from services.runs.attempts import record
from services.runs.errors import NotClaimable, StaleLease
from services.runs.logs import writing
from services.runs.rows.holding import JobRow, RunRow
from services.runs.settings import RunsSettings
from services.runs.states import TERMINAL
from shared.clock import utc_now

TOKEN_BYTES = 32


async def grant(
    session: AsyncSession, run: RunRow, job: JobRow, worker: str, settings: RunsSettings
) -> str:
    """Give a job that is ready to `worker`; returns the lease's token."""
    _refuse_if_not_claimable(job)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    job.lease_hash = _hash(token)
    extend(job, settings)
    seconds = seconds_allowed(job, settings) + settings.job_grace_seconds
    job.deadline_at = utc_now() + timedelta(seconds=seconds)
    await record.begin(session, job, worker)
    await progress.move(session, run, job, "RUNNING", settings)
    return token


def seconds_allowed(job: JobRow, settings: RunsSettings) -> int:
    """How long a module may work on the job; what is beyond it is for the backend's own work."""
    return min(job.timeout_seconds or settings.job_seconds_max, settings.job_seconds_max)


def extend(job: JobRow, settings: RunsSettings) -> None:
    job.lease_expires_at = utc_now() + timedelta(seconds=settings.lease_seconds)


def is_lease_of(job: JobRow, token: str) -> bool:
    """Whether the token is that of the job's current lease, or of the one it ended under."""
    return job.lease_hash is not None and hmac.compare_digest(job.lease_hash, _hash(token))


def check_held(job: JobRow, token: str) -> None:
    if job.lease_expires_at is None or not is_lease_of(job, token):
        raise StaleLease


async def end(session: AsyncSession, job: JobRow, reason: str) -> bool:
    """Nobody does the job from here on; whether somebody did. Its last token is remembered."""
    job.lease_expires_at = job.deadline_at = None
    return await record.end(session, job, reason)


async def revoke(session: AsyncSession, job: JobRow, reason: str) -> bool:
    """End the lease against its holder's will: nothing it says is believed from here on."""
    job.lease_hash = None
    return await end(session, job, reason)


async def give_back(
    session: AsyncSession,
    run: RunRow,
    job: JobRow,
    reason: str,
    settings: RunsSettings,
    *,
    announce: bool = True,
) -> None:
    """Back to PENDING; the attempt is not held against the job."""
    job.attempts_spared += await revoke(session, job, reason)
    await _wait_again(session, run, job, settings)
    if announce:
        await progress.offer(session, job, settings)
    else:
        progress.put_off_offer(job, settings)


def why_it_ends(job: JobRow, settings: RunsSettings) -> str | None:
    """What the holder of the lease has done to lose it; None when it may keep it."""
    now = utc_now()
    if job.lease_expires_at is not None and job.lease_expires_at < now:
        return f"no heartbeat for {settings.lease_seconds} s"
    if job.deadline_at is not None and job.deadline_at < now:
        allowed, grace = seconds_allowed(job, settings), settings.job_grace_seconds
        return f"still at work {grace} s after its limit of {allowed} s"
    return None


async def expire(
    session: AsyncSession, run: RunRow, job: JobRow, why: str, settings: RunsSettings
) -> None:
    """The lease ends without a report: the next attempt, or the end after the last one."""
    reason = f"attempt {job.attempt} ended: {why}"
    await revoke(session, job, reason)
    counted = job.attempt - job.attempts_spared
    if counted >= settings.attempts_max:
        await writing.append_line(session, job, f"{reason}; given up after {counted} attempts")
        await progress.move(session, run, job, "FAILED", settings)
        return
    await writing.append_line(session, job, f"{reason}; the job waits for another backend")
    await _wait_again(session, run, job, settings)
    await progress.offer(session, job, settings)


async def requeue(session: AsyncSession, run: RunRow, job: JobRow, settings: RunsSettings) -> None:
    """What an administrator does about a job that nobody works on any more."""
    if job.status in TERMINAL:
        raise NotClaimable(f"Job {job.id} is {job.status}; it stays that way.")
    if job.ready_at is None:
        raise NotClaimable(f"Job {job.id} waits for job {job.parent_id} to finish.")
    if job.status == "PENDING":
        job.announcements = 0
        await progress.offer(session, job, settings)
    else:
        await give_back(session, run, job, "requeued by an administrator", settings)


async def begin_anew(session: AsyncSession, job: JobRow, reason: str) -> None:
    """A job that had ended is to be done again: its result is put away, its attempts are spared."""
    await record.put_away(session, job)
    if job.attempt or job.log_bytes is not None:
        await writing.append_line(session, job, f"{reason}; attempt {job.attempt + 1} follows")
    job.attempts_spared = job.attempt
    job.lease_hash = None
    _reset(job)


async def _wait_again(
    session: AsyncSession, run: RunRow, job: JobRow, settings: RunsSettings
) -> None:
    _reset(job)
    await progress.move(session, run, job, "PENDING", settings)


def _reset(job: JobRow) -> None:
    job.worker = ""
    job.announcements = 0


def _refuse_if_not_claimable(job: JobRow) -> None:
    # QUEUED: a backend that knows no leases has it in a queue of its own, and will begin it.
    if job.status != "PENDING":
        raise NotClaimable(f"The job is {job.status}.")
    if job.ready_at is None:
        raise NotClaimable("The job is not ready: the one before it is not finished.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
