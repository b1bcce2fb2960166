"""What a route of this service may ask for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.runs import queries
from services.runs.attempts.queries import ATTEMPT_ORDERS
from services.runs.backends.queries import BACKEND_ORDERS
from services.runs.live.hub import Hub
from services.runs.settings import RunsSettings
from services.runs.webhooks.queries import DELIVERY_ORDERS, WEBHOOK_ORDERS
from shared.auth import Caller, requires
from shared.clients.files import FilesClient
from shared.clients.modules import ModulesClient
from shared.clients.pipelines import PipelinesClient
from shared.db import Database
from shared.hyperlinks import Hyperlinks, hyperlinks
from shared.paging import Page, pages

Reader = Annotated[Caller, requires("runs:read")]
Writer = Annotated[Caller, requires("runs:write")]
# Backends; a person's own token may do the same with that person's own jobs.
Executor = Annotated[Caller, requires("jobs:execute")]
# Inside: the files service asks, on behalf of whoever deletes a file.
FilesWriter = Annotated[Caller, requires("files:write")]

RunPage = Annotated[Page, Depends(pages(queries.RUN_ORDERS))]
JobPage = Annotated[Page, Depends(pages(queries.JOB_ORDERS))]
AttemptPage = Annotated[Page, Depends(pages(ATTEMPT_ORDERS))]
WebhookPage = Annotated[Page, Depends(pages(WEBHOOK_ORDERS))]
DeliveryPage = Annotated[Page, Depends(pages(DELIVERY_ORDERS))]
BackendPage = Annotated[Page, Depends(pages(BACKEND_ORDERS))]


@dataclass(frozen=True)
class Peers:
    """The services that this one asks."""

    files: FilesClient
    modules: ModulesClient
    pipelines: PipelinesClient


async def _settings(request: Request) -> RunsSettings:
    settings: RunsSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[RunsSettings, Depends(_settings)]


async def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubDep = Annotated[Hub, Depends(_hub)]


@dataclass(frozen=True)
class Means:
    """What a change of some length works with; to ask for each of these costs a request more."""

    database: Database
    peers: Peers
    links: Hyperlinks
    settings: RunsSettings


async def _means(request: Request) -> Means:
    state = request.app.state
    settings: RunsSettings = state.settings
    peers = Peers(
        FilesClient(state.http, settings.files_url),
        ModulesClient(state.http, settings.modules_url),
        PipelinesClient(state.http, settings.pipelines_url),
    )
    return Means(state.database, peers, await hyperlinks(request), settings)


MeansDep = Annotated[Means, Depends(_means)]
