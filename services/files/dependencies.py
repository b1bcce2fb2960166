"""What a route of this service may ask for."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.files import queries
from services.files.links import MediaLinks
from services.files.presenter import Presenter
from services.files.settings import FilesSettings
from services.files.storage.interface import BlobStore
from services.files.uploads import Upload, receive
from shared.auth import Caller, requires
from shared.clients.runs import RunsClient
from shared.clients.users import UsersClient
from shared.hyperlinks import hyperlinks
from shared.paging import Page, pages

Reader = Annotated[Caller, requires("files:read")]
Writer = Annotated[Caller, requires("files:write")]
# Workers too, with a token that is good for jobs only.
Uploader = Annotated[Caller, requires("files:write", "jobs:execute")]
# Inside, on behalf of whoever starts a run or does a job: they name files, and read none here.
Runner = Annotated[Caller, requires("runs:write", "jobs:execute")]

FilePage = Annotated[Page, Depends(pages(queries.FILE_ORDERS))]


async def _settings(request: Request) -> FilesSettings:
    settings: FilesSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[FilesSettings, Depends(_settings)]


async def _store(request: Request) -> BlobStore:
    store: BlobStore = request.app.state.store
    return store


StoreDep = Annotated[BlobStore, Depends(_store)]


async def _media_links(request: Request) -> MediaLinks:
    links: MediaLinks = request.app.state.media_links
    return links


MediaLinksDep = Annotated[MediaLinks, Depends(_media_links)]


# What follows asks for no other dependency: each costs a request more than what it does.
async def _presenter(request: Request) -> Presenter:
    return Presenter(await hyperlinks(request), request.app.state.media_links)


PresenterDep = Annotated[Presenter, Depends(_presenter)]


async def _users(request: Request) -> UsersClient:
    return UsersClient(request.app.state.http, request.app.state.settings.users_url)


UsersDep = Annotated[UsersClient, Depends(_users)]


async def _runs(request: Request) -> RunsClient:
    return RunsClient(request.app.state.http, request.app.state.settings.runs_url)


RunsDep = Annotated[RunsClient, Depends(_runs)]


async def _upload(request: Request) -> AsyncIterator[Upload]:
    state = request.app.state
    async with receive(request, state.store, state.settings.upload_bytes_max) as upload:
        yield upload


# Asked for after the caller: a body is not read before credentials are judged.
UploadDep = Annotated[Upload, Depends(_upload, scope="function")]
