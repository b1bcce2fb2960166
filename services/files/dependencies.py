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
from shared.hyperlinks import HyperlinksDep
from shared.paging import Page, pages

Reader = Annotated[Caller, Depends(requires("files:read"))]
Writer = Annotated[Caller, Depends(requires("files:write"))]
# Workers too, with a token that is good for jobs only.
Uploader = Annotated[Caller, Depends(requires("files:write", "jobs:execute"))]
# Inside, on behalf of whoever starts a run or does a job: they name files, and read none here.
Runner = Annotated[Caller, Depends(requires("runs:write", "jobs:execute"))]

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


async def _presenter(links: HyperlinksDep, media: MediaLinksDep) -> Presenter:
    return Presenter(links, media)


PresenterDep = Annotated[Presenter, Depends(_presenter)]


async def _users(request: Request, settings: SettingsDep) -> UsersClient:
    return UsersClient(request.app.state.http, settings.users_url)


UsersDep = Annotated[UsersClient, Depends(_users)]


async def _runs(request: Request, settings: SettingsDep) -> RunsClient:
    return RunsClient(request.app.state.http, settings.runs_url)


RunsDep = Annotated[RunsClient, Depends(_runs)]


async def _upload(
    request: Request, store: StoreDep, settings: SettingsDep
) -> AsyncIterator[Upload]:
    async with receive(request, store, settings.upload_bytes_max) as upload:
        yield upload


# Asked for after the caller: a body is not read before credentials are judged.
UploadDep = Annotated[Upload, Depends(_upload, scope="function")]
