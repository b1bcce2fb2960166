"""What a route of this service may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from services.modules import queries
from services.modules.settings import ModulesSettings
from shared.auth import Caller, requires
from shared.errors import Forbidden
from shared.paging import Page, pages

# Modules belong to nobody, so anybody who is signed in may read them.
READER = requires("modules:read")
# An execution worker has to know which there are, and nothing else.
CATALOGUE_READER = requires("modules:read", "jobs:execute")
Writer = Annotated[Caller, requires("modules:write")]
ModulePage = Annotated[Page, Depends(pages(queries.MODULE_ORDERS))]
FunctionPage = Annotated[Page, Depends(pages(queries.FUNCTION_ORDERS))]


async def _administrator(caller: Writer) -> None:
    if not caller.is_staff:
        raise Forbidden


ADMINISTRATOR = Depends(_administrator)


async def _settings(request: Request) -> ModulesSettings:
    settings: ModulesSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[ModulesSettings, Depends(_settings)]
