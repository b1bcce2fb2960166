"""`/api/v1/jobs/{id}/...`: what a backend says about a job it does, under its lease."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from services.runs import claims, work
from services.runs.dependencies import Executor, MeansDep, SettingsDep
from services.runs.rows.queries import lock_job, lock_job_alone
from services.runs.schemas import (
    Claimed,
    ClaimRequest,
    Heartbeat,
    Release,
    Released,
    Renewed,
)
from shared.answers import json_response
from shared.bodies import SubmissionDep, accepts
from shared.db import SessionDep
from shared.hyperlinks import PathId

router = APIRouter(prefix="/api/v1/jobs", tags=["execution"])

HELD = "$response.body#/lease/token"
LEASED: dict[str, Any] = {
    "links": {
        operation: {
            "operationId": operation,
            "parameters": {"job_id": "$request.path.job_id"},
            "requestBody": {"lease": HELD} | more,
        }
        for operation, more in {
            "renew_lease": {},
            "append_log": {"offset": 0, "text": "step 1 of 10\n"},
            "release_job": {},
        }.items()
    }
}
TAKEN = {"description": "Somebody else has it, or there is nothing to do about it now."}
STALE = {"description": "Not the job's current lease, or a gap in the log; change nothing more."}


@router.post(
    "/{job_id}/claim/",
    response_model=Claimed,
    responses={200: LEASED, 409: TAKEN},
    openapi_extra=accepts(ClaimRequest),
)
async def claim_job(
    job_id: PathId,
    caller: Executor,
    submission: SubmissionDep,
    means: MeansDep,
) -> Response:
    """Take a ready job: one caller gets it with all that is needed, the others 409."""
    return json_response(await claims.claim_job(means, job_id, submission, caller))


@router.post(
    "/{job_id}/heartbeat/",
    response_model=Renewed,
    responses={409: STALE},
    openapi_extra=accepts(Heartbeat),
)
async def renew_lease(
    job_id: PathId,
    caller: Executor,
    submission: SubmissionDep,
    session: SessionDep,
    settings: SettingsDep,
) -> Response:
    """Still at work; after a 409 the job is somebody else's, so stop."""
    job = await lock_job_alone(session, job_id, owner_id=caller.only_owner)
    work.renew(job, submission.into(Heartbeat), settings)
    return json_response({"lease": claims.lease_view(job, settings)})


@router.post(
    "/{job_id}/release/",
    response_model=Released,
    responses={409: STALE},
    openapi_extra=accepts(Release),
)
async def release_job(
    job_id: PathId,
    caller: Executor,
    submission: SubmissionDep,
    session: SessionDep,
    settings: SettingsDep,
) -> Response:
    """Give the job back unfinished; it is announced again at once, the attempt does not count."""
    run, job = await lock_job(session, job_id, owner_id=caller.only_owner)
    await work.release(session, run, job, submission.into(Release), settings)
    return json_response({"status": job.status})
