"""`/api/v1/jobs/{id}/logs/`: a job's log, written by its backend and read by its owner."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs import work
from services.runs.dependencies import Executor, Reader, SettingsDep
from services.runs.logs import reading
from services.runs.logs.submission import LogSubmissionDep, accepts_log
from services.runs.routes.execution import STALE
from services.runs.rows.queries import get_job, lock_job_alone
from services.runs.schemas import LogAppend, LogEnd
from shared.answers import json_response
from shared.db import DatabaseDep, SessionDep
from shared.hyperlinks import PathId

router = APIRouter(prefix="/api/v1/jobs", tags=["logs"])


@router.get(
    "/{job_id}/logs/",
    response_class=Response,
    responses=reading.ANSWERS,
    openapi_extra=reading.PARAMETERS,
)
async def read_log(
    job_id: PathId, request: Request, caller: Reader, database: DatabaseDep
) -> Response:
    """As plain text, to the byte, also while it grows; `?offset=` or `Range` to go on."""
    async with database.reading() as session:
        job = await get_job(session, job_id, owner_id=caller.only_owner)
    return reading.answer(database, job, request.headers, request.query_params.get("offset"))


@router.post(
    "/{job_id}/logs/",
    response_model=LogEnd,
    responses={409: STALE},
    openapi_extra=accepts_log(),
)
async def append_log(
    job_id: PathId,
    caller: Executor,
    submission: LogSubmissionDep,
    session: SessionDep,
    settings: SettingsDep,
) -> Response:
    """A piece of the log; sent twice, it is stored once. Answers where the log ends now."""
    job = await lock_job_alone(session, job_id, owner_id=caller.only_owner)
    return json_response(await work.append_log(session, job, submission.into(LogAppend), settings))
