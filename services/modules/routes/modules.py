"""`/api/v1/modules/`: everybody reads, an administrator removes, the command line registers."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.modules import queries, service
from services.modules.dependencies import ADMINISTRATOR, CATALOGUE_READER, ModulePage
from services.modules.presenter import MODULE_FIELDS, show_modules
from services.modules.schemas import ModuleRead
from shared.answers import json_response, no_content
from shared.db import DatabaseDep, ReadSessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.lists import fields_wanted, ids_wanted, narrowed
from shared.openapi import list_parameters

router = APIRouter(prefix="/api/v1/modules", tags=["modules"])


@router.get(
    "/",
    dependencies=[CATALOGUE_READER],
    response_model=list[ModuleRead],
    openapi_extra=list_parameters(MODULE_FIELDS, queries.MODULE_ORDERS, ids=("id",)),
)
async def list_modules(
    request: Request, page: ModulePage, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    """Newest first, each with its functions; `?id=1,2` narrows the list."""
    wanted = fields_wanted(request.query_params, MODULE_FIELDS)
    rows = await queries.list_modules(session, page, ids=ids_wanted(request.query_params, "id"))
    functions = await queries.list_functions(session, module_ids=[row.id for row in rows])
    shown = show_modules(rows, functions, links)
    return page.answer([narrowed(module, wanted) for module in shown])


@router.get("/{module_id}/", dependencies=[CATALOGUE_READER], response_model=ModuleRead)
async def read_module(module_id: PathId, session: ReadSessionDep, links: HyperlinksDep) -> Response:
    row = await queries.get_module_row(session, module_id)
    functions = await queries.list_functions(session, module_ids=[module_id])
    [shown] = show_modules([row], functions, links)
    return json_response(shown)


@router.delete("/{module_id}/", status_code=204, dependencies=[ADMINISTRATOR])
async def remove_module(module_id: PathId, database: DatabaseDep) -> Response:
    """Its functions go with it; tasks that hold one of them stay, without a function."""
    async with service.changing(database) as session:
        await service.remove_module(session, await queries.get_module(session, module_id))
    return no_content()
