"""Administrators register and update modules, without a shell on the machine.

Not by `POST /api/v1/modules/`: existing clients know that as a method the list does not have.
"""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from services.modules import queries
from services.modules.dependencies import ADMINISTRATOR, SettingsDep
from services.modules.models import Module
from services.modules.presenter import show_modules
from services.modules.registration import register_by_request, update_by_request
from services.modules.schemas import ModuleRead, NewModule
from shared.answers import created, json_response
from shared.bodies import SubmissionDep, accepts
from shared.db import Database, DatabaseDep
from shared.hyperlinks import Hyperlinks, HyperlinksDep, PathId

router = APIRouter(prefix="/api/v1/modules", tags=["modules"], dependencies=[ADMINISTRATOR])


@router.post(
    "/register/", status_code=201, response_model=ModuleRead, openapi_extra=accepts(NewModule)
)
async def register_module(
    submission: SubmissionDep, database: DatabaseDep, settings: SettingsDep, links: HyperlinksDep
) -> Response:
    """At the newest commit of its branch. The repository is public, by https or ssh."""
    module = await register_by_request(database, submission.into(NewModule), settings)
    return created(await _show(database, module, links))


@router.post("/{module_id}/update/", response_model=ModuleRead)
async def update_module(
    module_id: PathId, database: DatabaseDep, settings: SettingsDep, links: HyperlinksDep
) -> Response:
    """To the newest commit of its branch; functions that stay keep their ids."""
    module = await update_by_request(database, module_id, settings)
    return json_response(await _show(database, module, links))


async def _show(database: Database, module: Module, links: Hyperlinks) -> dict[str, Any]:
    async with database.reading() as session:
        row = await queries.get_module_row(session, module.id or 0)
        functions = await queries.list_functions(session, module_ids=[row.id])
    [shown] = show_modules([row], functions, links)
    return shown
