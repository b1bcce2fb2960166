"""`/api/v1/jobs/`: watch jobs and report on them."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs import presenter
from services.runs.backends.presence import note_polling
from services.runs.dependencies import Executor, JobPage, MeansDep, Reader, SettingsDep
from services.runs.filters import job_filter
from services.runs.presenter import JOB_FIELDS
from services.runs.queries import JOB_ORDERS, JobFilter
from services.runs.reports import report_job
from services.runs.schemas import JobRead, JobReport
from services.runs.states import JOB_STATUSES
from shared.answers import json_response
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted
from shared.openapi import Detail, list_parameters
from shared.steady import SteadyDep
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

NOT_NOW: dict[str, Any] = {
    "description": "The lease is stale, or the job cannot go there from where it is. A form that "
    "says RUNNING of a job that another backend has, or that is canceled, gets this in plain text.",
    "model": Detail,
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@router.get(
    "/",
    response_model=list[JobRead],
    openapi_extra=list_parameters(
        JOB_FIELDS, JOB_ORDERS, ids=("id", "run"), choices={"status": JOB_STATUSES}
    ),
)
async def list_jobs(
    request: Request,
    caller: Reader,
    page: JobPage,
    database: DatabaseDep,
    links: HyperlinksDep,
    settings: SettingsDep,
    steady: SteadyDep,
) -> Response:
    """Oldest first; `?run=`, `?status=` and `?id=` narrow."""
    which = job_filter(request.query_params, owner_id=caller.only_owner)
    await note_polling(database, caller, which, settings)
    wanted = fields_wanted(request.query_params, JOB_FIELDS)
    show = presenter.JobList(which, links, wanted, steady, page).show
    return await answer_list(request, page, database.reading, show)


@router.get("/{job_id}/", response_model=JobRead)
async def read_job(
    job_id: PathId, caller: Reader, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    which = JobFilter(owner_id=caller.only_owner, ids=[job_id])
    return json_response(await presenter.show_job(session, which, links))


@router.patch(
    "/{job_id}/",
    response_model=JobRead,
    responses={409: NOT_NOW},
    openapi_extra=accepts(JobReport),
)
async def change_job(
    job_id: PathId,
    caller: Executor,
    submission: SubmissionDep,
    means: MeansDep,
) -> Response:
    """Report status, output, output files and logs; under a lease with its token in `lease`."""
    return json_response(await report_job(means, job_id, submission, caller))


@router.put(
    "/{job_id}/",
    response_model=JobRead,
    responses={409: NOT_NOW},
    openapi_extra=accepts(JobReport),
)
async def replace_job(
    job_id: PathId,
    caller: Executor,
    submission: SubmissionDep,
    means: MeansDep,
) -> Response:
    """The same as PATCH: what is left out stays as it is."""
    return json_response(await report_job(means, job_id, submission, caller))
