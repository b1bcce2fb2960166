"""Answering a claim: everything a backend needs to begin, or the job given back untouched.

The files service is asked after the claim is committed, never within its transaction.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, measures, outputs, presenter
from services.runs.dependencies import Means
from services.runs.errors import NotClaimable
from services.runs.rows import holding
from services.runs.rows.holding import JobRow
from services.runs.rows.queries import lock_job
from services.runs.schemas import ClaimRequest
from services.runs.settings import RunsSettings
from shared.auth import Caller
from shared.bodies import Submission
from shared.clients.files import FilesClient, FileView
from shared.clock import iso, utc_now


@dataclass(frozen=True)
class _Claimed:
    job: JobRow
    token: str
    input_ids: list[int]
    shown: dict[str, Any]


async def claim_job(
    means: Means, job_id: int, submission: Submission, caller: Caller
) -> dict[str, Any]:
    """One caller wins; the job is RUNNING under a lease afterwards."""
    async with means.database.transaction() as session:
        claimed = await _claim(session, means, job_id, submission, caller)
    _measure(claimed.job)
    try:
        described = await _describe(means.peers.files, claimed.input_ids, caller)
    except Exception:
        await _undo(means, claimed)
        raise
    return _answer(claimed, described, means)


async def _claim(
    session: AsyncSession, means: Means, job_id: int, submission: Submission, caller: Caller
) -> _Claimed:
    run, job = await lock_job(session, job_id, owner_id=caller.only_owner)
    worker = submission.into(ClaimRequest).worker
    token = await leases.grant(session, run, job, worker, means.settings)
    await holding.write(session)
    shown = await presenter.show_this_job(session, job, means.links)
    return _Claimed(job, token, await outputs.list_inputs(session, job), shown)


def _measure(job: JobRow) -> None:
    if job.ready_at is not None:
        measures.CLAIM.observe(max(0, (utc_now() - job.ready_at).total_seconds()))


async def _describe(files: FilesClient, input_ids: list[int], caller: Caller) -> list[FileView]:
    described = await files.describe(input_ids, caller=caller) if input_ids else []
    gone = sorted(set(input_ids) - {file.id for file in described})
    if gone:
        raise NotClaimable(f"Input files of the job are gone: {', '.join(map(str, gone))}.")
    return described


async def _undo(means: Means, claimed: _Claimed) -> None:
    """Not announced at once: whoever claims next would meet the same trouble."""
    async with means.database.transaction() as session:
        run, job = await lock_job(session, claimed.job.id, owner_id=None)
        leases.check_held(job, claimed.token)
        reason = "its input files could not be described"
        await leases.give_back(session, run, job, reason, means.settings, announce=False)


def _answer(claimed: _Claimed, files: list[FileView], means: Means) -> dict[str, Any]:
    job = claimed.job
    return {
        "job": claimed.shown,
        "lease": {"token": claimed.token, **lease_view(job, means.settings)},
        "module": {"name": job.module, "repo_url": job.repo_url, "commit": job.commit},
        "function": job.function,
        "options": json.loads(job.arguments),
        "timeout_seconds": leases.seconds_allowed(job, means.settings),
        "owner": means.links.item("users", job.owner_id),
        "files": [_file(file) for file in files],
    }


def lease_view(job: JobRow, settings: RunsSettings) -> dict[str, Any]:
    expires_at = job.lease_expires_at
    return {
        "attempt": job.attempt,
        "seconds": settings.lease_seconds,
        "expires_at": None if expires_at is None else iso(expires_at),
    }


def _file(file: FileView) -> dict[str, Any]:
    tags = json.loads(file.tags)
    return {
        "id": file.id,
        "url": file.url,
        "name": file.name,
        "blob_url": file.blob_url,
        "size": file.size,
        "sha256": file.sha256,
        # Tags may be any JSON; modules know only objects.
        "tags": tags if isinstance(tags, dict) else {},
    }
