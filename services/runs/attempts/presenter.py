"""Attempts as clients see them: the latest with what the job has, others with what they left."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.attempts import queries
from services.runs.presenter import duration_seconds, grouped, maybe_iso
from services.runs.queries import output_ids
from services.runs.rows.holding import JobRow
from shared.clock import iso
from shared.hyperlinks import Hyperlinks
from shared.lists import narrowed
from shared.paging import Page

ATTEMPT_FIELDS = (
    "id",
    "job",
    "attempt",
    "worker",
    "started",
    "finished",
    "duration_seconds",
    "reason",
    "output",
    "output_files",
)


async def show_attempts(
    session: AsyncSession, job: JobRow, links: Hyperlinks, wanted: frozenset[str], page: Page
) -> list[dict[str, Any]]:
    rows = await queries.list_attempts(session, job, page)
    left = grouped(await queries.list_outputs(session, job))
    left[job.attempt] = sorted({*left[job.attempt], *await output_ids(session, job.id)})
    return [narrowed(_attempt(row, job, left.get(row.attempt, []), links), wanted) for row in rows]


def _attempt(row: Any, job: JobRow, file_ids: list[int], links: Hyperlinks) -> dict[str, Any]:
    return {
        "id": row.id,
        "job": links.item("jobs", job.id),
        "attempt": row.attempt,
        "worker": row.worker,
        "started": iso(row.started_at),
        "finished": maybe_iso(row.ended_at),
        "duration_seconds": duration_seconds(row.started_at, row.ended_at),
        "reason": row.reason,
        "output": row.output if row.output is not None or row.attempt < job.attempt else job.output,
        "output_files": [links.item("files", file_id) for file_id in file_ids],
    }
