"""What a route of this service may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from services.pipelines import queries
from services.pipelines.presenter import PipelinePresenter
from shared.auth import Caller, requires
from shared.clients.modules import ModulesClient
from shared.clients.runs import RunsClient
from shared.hyperlinks import hyperlinks
from shared.paging import Page, pages

Reader = Annotated[Caller, requires("pipelines:read")]
Writer = Annotated[Caller, requires("pipelines:write")]

PipelinePage = Annotated[Page, Depends(pages(queries.PIPELINE_ORDERS))]
TaskPage = Annotated[Page, Depends(pages(queries.TASK_ORDERS))]


# What follows asks for no other dependency: each costs a request more than what it does.
async def _modules(request: Request) -> ModulesClient:
    return ModulesClient(request.app.state.http, request.app.state.settings.modules_url)


ModulesDep = Annotated[ModulesClient, Depends(_modules)]


async def _presenter(request: Request) -> PipelinePresenter:
    state = request.app.state
    runs = RunsClient(state.http, state.settings.runs_url)
    return PipelinePresenter(state.database, await hyperlinks(request), runs)


PresenterDep = Annotated[PipelinePresenter, Depends(_presenter)]
