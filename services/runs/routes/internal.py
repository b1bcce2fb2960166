"""`/internal/`: what other services ask; the gateway routes nothing here."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs import queries
from services.runs.dependencies import FilesWriter, Reader
from services.runs.queries import RunFilter
from shared.answers import json_response
from shared.db import ReadSessionDep
from shared.lists import ids_wanted
from shared.steady import SteadyDep

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/holders/")
async def find_holder(_caller: FilesWriter, session: ReadSessionDep, holder: str) -> Response:
    """Whether a run was made under this key. A key is random: knowing it is permission enough."""
    return json_response({"exists": await queries.holder_exists(session, holder)})


@router.get("/runs/")
async def list_runs_of_pipelines(
    request: Request, caller: Reader, session: ReadSessionDep, _steady: SteadyDep
) -> Response:
    """[pipeline, run] for each run of the pipelines `?pipeline=` that the caller may see."""
    pipeline_ids = ids_wanted(request.query_params, "pipeline") or []
    which = RunFilter(owner_id=caller.only_owner, pipeline_ids=pipeline_ids)
    return json_response(await queries.list_pipeline_runs(session, which))
