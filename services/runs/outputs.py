"""Which files a job made, and which it works on: the outputs of its parent, or the run's files.

Asked for once in a transaction, though an event, an offer and the answer each tell them: whoever
changes them does it here.
"""

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import queries
from services.runs.models import JobOutput
from services.runs.rows.holding import JobRow
from shared.db import col, table_of

_KNOWN = "outputs_known"

INSERT = insert(table_of(JobOutput))
DELETE = delete(table_of(JobOutput)).where(
    col(JobOutput.job_id) == bindparam("job_id"),
    col(JobOutput.file_id).in_(bindparam("file_ids", expanding=True)),
)


async def list_outputs(session: AsyncSession, job_id: int) -> list[int]:
    """Ascending."""
    known = _known(session)
    if job_id not in known:
        known[job_id] = await queries.output_ids(session, job_id)
    return known[job_id]


async def list_inputs(session: AsyncSession, job: JobRow) -> list[int]:
    """For the first job the run's files."""
    if job.parent_id is not None:
        return await list_outputs(session, job.parent_id)
    return await queries.run_file_ids(session, job.run_id)


async def replace(session: AsyncSession, job_id: int, file_ids: list[int]) -> bool:
    """Whether that changed anything."""
    stored, wanted = set(await list_outputs(session, job_id)), set(file_ids)
    if dropped := stored - wanted:
        await session.execute(DELETE, {"job_id": job_id, "file_ids": sorted(dropped)})
    if added := sorted(wanted - stored):
        await session.execute(INSERT, [{"job_id": job_id, "file_id": one} for one in added])
    _known(session)[job_id] = sorted(wanted)
    return stored != wanted


def _known(session: AsyncSession) -> dict[int, list[int]]:
    known: dict[int, list[int]] = session.info.setdefault(_KNOWN, {})
    return known
