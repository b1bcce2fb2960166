"""`/api/v1/jobs/{id}/attempts/`: who did a job, when, and why it did not stay with them."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs.attempts.presenter import ATTEMPT_FIELDS, show_attempts
from services.runs.attempts.queries import ATTEMPT_ORDERS
from services.runs.attempts.schemas import AttemptRead
from services.runs.dependencies import AttemptPage, Reader
from services.runs.rows.queries import get_job
from shared.db import ReadSessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted
from shared.openapi import list_parameters

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/attempts/",
    response_model=list[AttemptRead],
    openapi_extra=list_parameters(ATTEMPT_FIELDS, ATTEMPT_ORDERS),
)
async def list_attempts(
    job_id: PathId,
    request: Request,
    caller: Reader,
    page: AttemptPage,
    session: ReadSessionDep,
    links: HyperlinksDep,
) -> Response:
    """Oldest first; those before a retry of the run stay."""
    wanted = fields_wanted(request.query_params, ATTEMPT_FIELDS)
    job = await get_job(session, job_id, owner_id=caller.only_owner)
    return page.answer(await show_attempts(session, job, links, wanted, page))
