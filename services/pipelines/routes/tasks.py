"""`/api/v1/tasks/`: added to a pipeline's end, never changed: runs rely on what they were."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.pipelines import queries, service
from services.pipelines.dependencies import ModulesDep, Reader, TaskPage, Writer
from services.pipelines.presenter import TASK_FIELDS, show_task, show_tasks
from services.pipelines.queries import Chosen
from services.pipelines.schemas import TaskCreate, TaskRead
from shared.answers import created, json_response
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted, ids_wanted
from shared.openapi import list_parameters
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])


@router.get(
    "/",
    response_model=list[TaskRead],
    openapi_extra=list_parameters(TASK_FIELDS, queries.TASK_ORDERS, ids=("id", "pipeline")),
)
async def list_tasks(
    request: Request,
    caller: Reader,
    page: TaskPage,
    database: DatabaseDep,
    links: HyperlinksDep,
) -> Response:
    """By order, then id; `?pipeline=1` and `?id=1,2` narrow the list."""
    query = request.query_params
    wanted = fields_wanted(query, TASK_FIELDS)
    chosen = Chosen(caller.only_owner, ids_wanted(query, "pipeline"))
    ids = ids_wanted(query, "id")
    return await answer_list(
        request,
        page,
        database.reading,
        lambda session, part: show_tasks(session, chosen, ids, links, wanted, part),
    )


@router.post(
    "/",
    status_code=201,
    response_model=TaskRead,
    openapi_extra=accepts(TaskCreate),
)
async def create_task(
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    modules: ModulesDep,
    links: HyperlinksDep,
) -> Response:
    return created(await service.add_task(database, caller, submission, links, modules=modules))


@router.get("/{task_id}/", response_model=TaskRead)
async def read_task(
    task_id: PathId, caller: Reader, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    row = await queries.get_task_row(session, task_id, only_owner=caller.only_owner)
    return json_response(show_task(row, row.owner_id, links))
