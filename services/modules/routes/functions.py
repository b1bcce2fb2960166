"""`/api/v1/functions/`: what the registered modules can do."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.modules import queries
from services.modules.dependencies import READER, FunctionPage
from services.modules.presenter import FUNCTION_FIELDS, show_function
from services.modules.schemas import FunctionRead
from shared.answers import json_response
from shared.db import ReadSessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted, ids_wanted, narrowed
from shared.openapi import list_parameters
from shared.steady import SteadyDep

router = APIRouter(prefix="/api/v1/functions", tags=["functions"])


@router.get(
    "/",
    dependencies=[READER],
    response_model=list[FunctionRead],
    openapi_extra=list_parameters(FUNCTION_FIELDS, queries.FUNCTION_ORDERS, ids=("id", "module")),
)
async def list_functions(
    request: Request,
    page: FunctionPage,
    session: ReadSessionDep,
    links: HyperlinksDep,
    _steady: SteadyDep,
) -> Response:
    """Newest first; `?module=1` and `?id=1,2` narrow the list."""
    query = request.query_params
    wanted = fields_wanted(query, FUNCTION_FIELDS)
    rows = await queries.list_functions(
        session, page, ids=ids_wanted(query, "id"), module_ids=ids_wanted(query, "module")
    )
    return page.answer([narrowed(show_function(row, links), wanted) for row in rows])


@router.get("/{function_id}/", dependencies=[READER], response_model=FunctionRead)
async def read_function(
    function_id: PathId, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    return json_response(show_function(await queries.get_function_row(session, function_id), links))
