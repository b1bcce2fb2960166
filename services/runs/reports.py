"""Reports on jobs: by a backend under its lease, by a backend that knows no leases, by the owner.

A report is taken whole or not at all. While somebody holds the lease, nobody else's report counts;
what has ended keeps its state, and its result once the next job has taken it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import leases, outputs, presenter, progress
from services.runs.attempts import record
from services.runs.dependencies import Means
from services.runs.errors import (
    IllegalStep,
    LeaseRequired,
    NotYoursToBegin,
    ResultInUse,
    StaleLease,
)
from services.runs.logs import writing
from services.runs.rows import holding
from services.runs.rows.holding import JobRow, RunRow
from services.runs.rows.queries import find_child, lock_job
from services.runs.schemas import JobReport
from services.runs.settings import RunsSettings
from services.runs.states import TERMINAL, WAITING, can_become
from shared.auth import Caller
from shared.bodies import Submission


@dataclass(frozen=True)
class _Report:
    """Changes, the lease they are made under, and whether a form says them (as old backends do)."""

    changes: dict[str, Any]
    lease: str | None
    is_form: bool
    # Who reports without a lease; with one, the lease's holder does.
    worker: str


async def report_job(
    means: Means, job_id: int, submission: Submission, caller: Caller
) -> dict[str, Any]:
    """In one transaction; new output files are held between two, and it is judged in both."""
    async with means.database.transaction() as session:
        run, job = await lock_job(session, job_id, owner_id=caller.only_owner)
        report = _read(submission, caller)
        await _judge(session, job, report)
        new_files = await _new_output_ids(session, job, report.changes)
        if not new_files:
            return await _write(session, means, run, job, report)
    await means.peers.files.hold(
        run.holder, new_files, role="output", owner_id=job.owner_id, caller=caller
    )
    async with means.database.transaction() as session:
        run, job = await lock_job(session, job_id, owner_id=None)
        await _judge(session, job, report)
        return await _write(session, means, run, job, report)


def _read(submission: Submission, caller: Caller) -> _Report:
    changes = submission.into(JobReport).changes()
    lease = changes.pop("lease", None)
    if lease is None and caller.scopes is not None:
        raise LeaseRequired
    return _Report(changes, lease, submission.is_form, caller.username)


async def _write(
    session: AsyncSession, means: Means, run: RunRow, job: JobRow, report: _Report
) -> dict[str, Any]:
    await _change(session, run, job, report, means.settings)
    await holding.write(session)
    return await presenter.show_this_job(session, job, means.links)


async def _change(
    session: AsyncSession, run: RunRow, job: JobRow, report: _Report, settings: RunsSettings
) -> None:
    changes = report.changes
    if "output" in changes:
        job.output = changes["output"]
    wanted = changes.get("output_files")
    has_new_outputs = wanted is not None and await outputs.replace(session, job.id, wanted)
    if "logs" in changes:
        await writing.replace(session, job, changes["logs"], bytes_max=settings.log_bytes_max)
    status = changes.get("status", job.status)
    if status != job.status:
        if report.lease is None and status not in WAITING:
            await record.note(session, job, report.worker)
        if status in TERMINAL:
            await leases.end(session, job, f"reported {status}")
        await progress.move(session, run, job, status, settings)
    elif has_new_outputs:
        await progress.tell_outputs(session, job)


async def _judge(session: AsyncSession, job: JobRow, report: _Report) -> None:
    """Refuse what the job's lease, its state or the next job forbid."""
    status = report.changes.get("status", job.status)
    if report.lease is not None and not leases.is_lease_of(job, report.lease):
        raise StaleLease
    if report.lease is None and report.is_form and status == "RUNNING":
        _refuse_to_begin_in_vain(job)
    if report.lease is None and job.lease_hash is not None:
        raise StaleLease("A backend has this job, or had it to its end; only its reports count.")
    if not can_become(job.status, status):
        raise IllegalStep(job.status, status)
    if job.status in TERMINAL and await _changes_result(session, job, report.changes):
        child = await find_child(session, job.id)
        if child is not None and child.status != "PENDING":
            raise ResultInUse


def _refuse_to_begin_in_vain(job: JobRow) -> None:
    if job.lease_hash is not None or job.status == "CANCELED":
        raise NotYoursToBegin(f"Job {job.id} is {job.status}: it is not for you to begin.")


async def _changes_result(session: AsyncSession, job: JobRow, changes: dict[str, Any]) -> bool:
    if changes.get("output", job.output) != job.output:
        return True
    if "output_files" not in changes:
        return False
    return bool(changes["output_files"] != await outputs.list_outputs(session, job.id))


async def _new_output_ids(session: AsyncSession, job: JobRow, changes: dict[str, Any]) -> list[int]:
    """Files named for the first time. Inputs that the job hands on are held by the run already."""
    wanted = set(changes.get("output_files", ()))
    if not wanted:
        return []
    known = [
        *await outputs.list_outputs(session, job.id),
        *await outputs.list_inputs(session, job),
    ]
    return sorted(wanted.difference(known))
