"""`/internal/`: what other services ask; the gateway routes nothing here."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.files import queries, references
from services.files.dependencies import PresenterDep, Runner
from services.files.schemas import FileFilter, Hold
from shared.answers import json_response, no_content
from shared.bodies import SubmissionDep
from shared.db import ReadSessionDep, SessionDep
from shared.lists import ids_wanted

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/files/")
async def describe_files(
    request: Request, caller: Runner, session: ReadSessionDep, presenter: PresenterDep
) -> Response:
    """Those of the files `?id=` that the caller may see."""
    ids = ids_wanted(request.query_params, "id") or []
    files = await queries.list_files(session, FileFilter(caller.only_owner, ids=ids))
    return json_response(presenter.show_to_services(files))


@router.post("/references/")
async def hold_files(
    caller: Runner, submission: SubmissionDep, session: SessionDep, presenter: PresenterDep
) -> Response:
    """Keep files from deletion for a run."""
    files = await references.hold_files(session, caller, submission.into(Hold))
    return json_response(presenter.show_to_services(files))


@router.delete("/references/")
async def let_go(request: Request, _caller: Runner, session: SessionDep) -> Response:
    """A run that was refused needs nothing; the key `?holder=` is known to its maker alone."""
    await references.let_go(session, request.query_params.get("holder", ""))
    return no_content()
