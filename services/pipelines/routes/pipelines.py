"""`/api/v1/pipelines/`: people have their own, administrators see all and own none."""

from contextlib import nullcontext

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.pipelines import queries, service
from services.pipelines.dependencies import PipelinePage, PresenterDep, Reader, Writer
from services.pipelines.presenter import PIPELINE_FIELDS, RUNS_FIELD
from services.pipelines.queries import Chosen
from services.pipelines.schemas import (
    PipelineChange,
    PipelineClone,
    PipelineCreate,
    PipelineRead,
    PipelineReplacement,
)
from shared.answers import created, json_response, no_content
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, SessionDep
from shared.hyperlinks import PathId
from shared.idempotency import keep_created
from shared.lists import fields_wanted, ids_wanted
from shared.openapi import list_parameters
from shared.steady import begin_steady
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/pipelines", tags=["pipelines"])


@router.get(
    "/",
    response_model=list[PipelineRead],
    openapi_extra=list_parameters(PIPELINE_FIELDS, queries.PIPELINE_ORDERS, ids=("id", "owner")),
)
async def list_pipelines(
    request: Request, caller: Reader, page: PipelinePage, presenter: PresenterDep
) -> Response:
    """Ascending; `?owner=1` and `?id=1,2` narrow the list."""
    query = request.query_params
    wanted = fields_wanted(query, PIPELINE_FIELDS)
    chosen = Chosen(caller.only_owner, ids_wanted(query, "id"), ids_wanted(query, "owner"))
    return await answer_list(
        request, page, nullcontext, lambda _, part: presenter.show(chosen, caller, wanted, part)
    )


@router.post(
    "/",
    status_code=201,
    response_model=PipelineRead,
    openapi_extra=accepts(PipelineCreate),
)
async def create_pipeline(
    caller: Writer, submission: SubmissionDep, session: SessionDep, presenter: PresenterDep
) -> Response:
    pipeline = await service.create_pipeline(session, caller, submission)
    return created(await keep_created(session, presenter.show_new(pipeline)))


@router.get(
    "/{pipeline_id}/",
    response_model=PipelineRead,
    openapi_extra=list_parameters(PIPELINE_FIELDS),
)
async def read_pipeline(
    pipeline_id: PathId, request: Request, caller: Reader, presenter: PresenterDep
) -> Response:
    wanted = fields_wanted(request.query_params, PIPELINE_FIELDS)
    if RUNS_FIELD not in wanted:  # Else it is not of this database alone.
        await begin_steady(request)
    return json_response(await presenter.show_one(pipeline_id, caller, wanted))


@router.put(
    "/{pipeline_id}/",
    response_model=PipelineRead,
    openapi_extra=accepts(PipelineReplacement),
)
async def replace_pipeline(
    pipeline_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    await service.change_pipeline(
        database, pipeline_id, submission, PipelineReplacement, only_owner=caller.only_owner
    )
    return json_response(await presenter.show_one(pipeline_id, caller))


@router.patch(
    "/{pipeline_id}/",
    response_model=PipelineRead,
    openapi_extra=accepts(PipelineChange),
)
async def change_pipeline(
    pipeline_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    await service.change_pipeline(
        database, pipeline_id, submission, PipelineChange, only_owner=caller.only_owner
    )
    return json_response(await presenter.show_one(pipeline_id, caller))


@router.delete("/{pipeline_id}/", status_code=204)
async def delete_pipeline(pipeline_id: PathId, caller: Writer, session: SessionDep) -> Response:
    """Its tasks go now; its runs, jobs and their output files within a moment."""
    pipeline = await queries.get_pipeline(session, pipeline_id, only_owner=caller.only_owner)
    await service.delete_pipeline(session, pipeline)
    return no_content()


@router.post(
    "/{pipeline_id}/clone/",
    status_code=201,
    response_model=PipelineRead,
    openapi_extra=accepts(PipelineClone),
)
async def clone_pipeline(
    pipeline_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    session: SessionDep,
    presenter: PresenterDep,
) -> Response:
    """A pipeline of one's own with the same tasks: what one may still add to, or run otherwise."""
    clone = await service.clone_pipeline(session, pipeline_id, caller, submission)
    return created(await keep_created(session, await presenter.show_clone(session, clone)))
