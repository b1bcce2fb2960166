"""`/api/v1/runs/`: start runs, watch them, delete them with all they made."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs import cancellation, presenter, retries, service
from services.runs.dependencies import MeansDep, Reader, RunPage, SettingsDep, Writer
from services.runs.filters import run_filter
from services.runs.presenter import RUN_FIELDS
from services.runs.queries import RUN_ORDERS, RunFilter
from services.runs.schemas import NewRun, NewRunForm, RunRead
from shared.answers import created, json_response, no_content
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep, SessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted
from shared.openapi import list_parameters
from shared.steady import SteadyDep
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])

NOTHING_TO_RETRY = {"description": "It neither FAILED nor was CANCELED, or an input is gone."}
ENDED = {"description": "The run came to its end already; what it did stays as it is."}


@router.get(
    "/",
    response_model=list[RunRead],
    openapi_extra=list_parameters(RUN_FIELDS, RUN_ORDERS, ids=("id", "pipeline")),
)
async def list_runs(
    request: Request,
    caller: Reader,
    page: RunPage,
    database: DatabaseDep,
    links: HyperlinksDep,
    _steady: SteadyDep,
) -> Response:
    """Oldest first; `?pipeline=` and `?id=` narrow."""
    which = run_filter(request.query_params, owner_id=caller.only_owner)
    wanted = fields_wanted(request.query_params, RUN_FIELDS)
    return await answer_list(
        request,
        page,
        database.reading,
        lambda session, part: presenter.show_runs(session, which, links, wanted, part),
    )


@router.post(
    "/", status_code=201, response_model=RunRead, openapi_extra=accepts(NewRun, form=NewRunForm)
)
async def create_run(
    caller: Writer,
    submission: SubmissionDep,
    means: MeansDep,
) -> Response:
    """Run one of your pipelines on some of your files: one job per task, in order."""
    return created(await service.create_run(means, submission, caller))


@router.get("/{run_id}/", response_model=RunRead)
async def read_run(
    run_id: PathId, caller: Reader, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    which = RunFilter(owner_id=caller.only_owner, ids=[run_id])
    return json_response(await presenter.show_run(session, which, links))


@router.delete("/{run_id}/", status_code=204)
async def delete_run(run_id: PathId, caller: Writer, session: SessionDep) -> Response:
    """Its jobs, their logs and their output files go too; input files stay."""
    await service.delete_run(session, run_id, owner_id=caller.only_owner)
    return no_content()


@router.post("/{run_id}/cancel/", response_model=RunRead, responses={409: ENDED})
async def cancel_run(
    run_id: PathId,
    caller: Writer,
    session: SessionDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """Stop what is not finished; a run that is canceled already stays so and is answered alike."""
    await cancellation.cancel_run(session, run_id, caller, settings)
    return json_response(await presenter.show_run(session, RunFilter(ids=[run_id]), links))


@router.post("/{run_id}/retry/", response_model=RunRead, responses={409: NOTHING_TO_RETRY})
async def retry_run(
    run_id: PathId,
    caller: Writer,
    means: MeansDep,
) -> Response:
    """Do again what failed or was canceled, and what comes after it; finished jobs stay."""
    await retries.retry_run(means, run_id, caller)
    async with means.database.reading() as session:
        shown = await presenter.show_run(session, RunFilter(ids=[run_id]), means.links)
    return json_response(shown)
