"""`/api/v1/files/`: people reach their own files, administrators all."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.files import queries, service
from services.files.dependencies import (
    FilePage,
    PresenterDep,
    Reader,
    RunsDep,
    SettingsDep,
    UploadDep,
    Uploader,
    UsersDep,
    Writer,
)
from services.files.errors import NoRoom
from services.files.models import KINDS
from services.files.presenter import FIELDS
from services.files.schemas import (
    FileFilter,
    FileRead,
    NewFile,
    StaffFileChange,
    filter_wanted,
)
from shared.answers import created, json_response, no_content
from shared.auth import Caller
from shared.bodies import MULTIPART_TYPE, SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep
from shared.hyperlinks import PathId
from shared.lists import fields_wanted
from shared.openapi import Detail, list_parameters
from shared.steady import SteadyDep
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/files", tags=["files"])

NO_ROOM: dict[int | str, dict[str, Any]] = {507: {"description": NoRoom.detail, "model": Detail}}


def _only(file_id: int, caller: Caller) -> FileFilter:
    return FileFilter(caller.only_owner, ids=[file_id])


@router.get(
    "/",
    response_model=list[FileRead],
    openapi_extra=list_parameters(
        FIELDS, queries.FILE_ORDERS, ids=("id", "owner"), choices={"kind": KINDS}
    ),
)
async def list_files(
    request: Request,
    caller: Reader,
    page: FilePage,
    database: DatabaseDep,
    presenter: PresenterDep,
    steady: SteadyDep,
) -> Response:
    """Oldest first; `owner`, `kind` and `id` filter."""
    steady.ends(presenter.links_change_at())
    wanted = fields_wanted(request.query_params, FIELDS)
    which = filter_wanted(request.query_params, only_owner=caller.only_owner)
    return await answer_list(
        request,
        page,
        database.reading,
        lambda session, part: presenter.show_page(session, which, wanted, part),
    )


@router.post(
    "/",
    status_code=201,
    response_model=FileRead,
    responses=NO_ROOM,
    openapi_extra=accepts(NewFile, MULTIPART_TYPE),
)
async def create_file(
    caller: Uploader,
    upload: UploadDep,
    database: DatabaseDep,
    users: UsersDep,
    presenter: PresenterDep,
    settings: SettingsDep,
) -> Response:
    """Upload a file as multipart form data, in the part `blob`."""
    file = await service.add_file(
        database,
        caller,
        upload,
        presenter,
        users=users,
        unclaimed_seconds=settings.output_unclaimed_seconds,
        user_bytes_max=settings.user_bytes_max,
    )
    return created(file)


@router.get("/{file_id}/", response_model=FileRead)
async def read_file(
    file_id: PathId, caller: Reader, session: ReadSessionDep, presenter: PresenterDep
) -> Response:
    file = await queries.get_row(session, file_id, only_owner=caller.only_owner)
    versions = await queries.list_versions(session, _only(file_id, caller))
    return json_response(presenter.show_one(file, versions))


@router.put("/{file_id}/", response_model=FileRead, openapi_extra=accepts(StaffFileChange))
async def replace_file(
    file_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    users: UsersDep,
    presenter: PresenterDep,
) -> Response:
    """What is not sent stays; the content never changes."""
    file = await service.change_file(
        database, caller, file_id, submission, users=users, is_replacement=True
    )
    async with database.reading() as session:
        versions = await queries.list_versions(session, _only(file_id, caller))
    return json_response(presenter.show_one(file, versions))


@router.patch("/{file_id}/", response_model=FileRead, openapi_extra=accepts(StaffFileChange))
async def change_file(
    file_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    users: UsersDep,
    presenter: PresenterDep,
) -> Response:
    """Only administrators can give a file to another owner."""
    file = await service.change_file(database, caller, file_id, submission, users=users)
    async with database.reading() as session:
        versions = await queries.list_versions(session, _only(file_id, caller))
    return json_response(presenter.show_one(file, versions))


@router.delete("/{file_id}/", status_code=204)
async def delete_file(
    file_id: PathId,
    caller: Writer,
    database: DatabaseDep,
    runs: RunsDep,
    settings: SettingsDep,
) -> Response:
    """Refused for outputs, and for what a run works on."""
    patience = settings.hold_unconfirmed_seconds
    await service.delete_file(database, caller, file_id, runs=runs, patience_seconds=patience)
    return no_content()
