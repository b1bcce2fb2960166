"""What a route of this service may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from services.pipelines import queries
from services.pipelines.presenter import PipelinePresenter
from services.pipelines.settings import PipelinesSettings
from shared.auth import Caller, requires
from shared.clients.modules import ModulesClient
from shared.clients.runs import RunsClient
from shared.db import DatabaseDep
from shared.hyperlinks import HyperlinksDep
from shared.paging import Page, pages

Reader = Annotated[Caller, Depends(requires("pipelines:read"))]
Writer = Annotated[Caller, Depends(requires("pipelines:write"))]

PipelinePage = Annotated[Page, Depends(pages(queries.PIPELINE_ORDERS))]
TaskPage = Annotated[Page, Depends(pages(queries.TASK_ORDERS))]


async def _settings(request: Request) -> PipelinesSettings:
    settings: PipelinesSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[PipelinesSettings, Depends(_settings)]


async def _modules(request: Request, settings: SettingsDep) -> ModulesClient:
    return ModulesClient(request.app.state.http, settings.modules_url)


ModulesDep = Annotated[ModulesClient, Depends(_modules)]


async def _presenter(
    request: Request, settings: SettingsDep, database: DatabaseDep, links: HyperlinksDep
) -> PipelinePresenter:
    runs = RunsClient(request.app.state.http, settings.runs_url)
    return PipelinePresenter(database, links, runs)


PresenterDep = Annotated[PipelinePresenter, Depends(_presenter)]
