"""What a route of this service may ask for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.runs.settings import RunsSettings
from shared.auth import Caller, requires
from shared.clients.files import FilesClient
from shared.clients.modules import ModulesClient
from shared.clients.pipelines import PipelinesClient

EXECUTE_SCOPE = "jobs:execute"


@dataclass(frozen=True)
class Peers:
    """The services that this one asks."""

    files: FilesClient
    modules: ModulesClient
    pipelines: PipelinesClient


def _settings(request: Request) -> RunsSettings:
    settings: RunsSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[RunsSettings, Depends(_settings)]


def _peers(request: Request, settings: SettingsDep) -> Peers:
    http = request.app.state.http
    return Peers(
        FilesClient(http, settings.files_url),
        ModulesClient(http, settings.modules_url),
        PipelinesClient(http, settings.pipelines_url),
    )


PeersDep = Annotated[Peers, Depends(_peers)]

# Backends; a person's own token may do the same with that person's own jobs.
ExecutorDep = Annotated[Caller, Depends(requires(EXECUTE_SCOPE))]
