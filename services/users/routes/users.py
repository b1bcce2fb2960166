"""`/api/v1/users/`: people see themselves, administrators see everybody."""

from contextlib import nullcontext

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.users import queries, service
from services.users.dependencies import PresenterDep, Reader, RevocationsDep, UserPage, Writer
from services.users.presenter import FIELDS
from services.users.schemas import UserChange, UserRead, UserReplacement
from shared.answers import json_response, no_content
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep, SessionDep
from shared.hyperlinks import PathId
from shared.lists import fields_wanted
from shared.openapi import list_parameters
from shared.whole_lists import answer_list

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get(
    "/", response_model=list[UserRead], openapi_extra=list_parameters(FIELDS, queries.USER_ORDERS)
)
async def list_users(
    request: Request,
    caller: Reader,
    page: UserPage,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    """Newest first. Unlike elsewhere, `?id=` is ignored, as existing clients know it."""
    wanted = fields_wanted(request.query_params, FIELDS)
    return await answer_list(
        request,
        page,
        nullcontext,
        lambda _, part: presenter.show_page(database, caller, wanted, part),
    )


@router.get("/{user_id}/", response_model=UserRead)
async def read_user(
    user_id: PathId, caller: Reader, session: ReadSessionDep, presenter: PresenterDep
) -> Response:
    user = await queries.get_user(session, user_id, only_id=caller.only_owner)
    return json_response(await presenter.show_one(user, caller))


@router.put("/{user_id}/", response_model=UserRead, openapi_extra=accepts(UserReplacement))
async def replace_user(
    user_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    user = await service.change_user(
        database, user_id, submission, UserReplacement, only_id=caller.only_owner
    )
    return json_response(await presenter.show_one(user, caller))


@router.patch("/{user_id}/", response_model=UserRead, openapi_extra=accepts(UserChange))
async def change_user(
    user_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    user = await service.change_user(
        database, user_id, submission, UserChange, only_id=caller.only_owner
    )
    return json_response(await presenter.show_one(user, caller))


@router.delete("/{user_id}/", status_code=204)
async def delete_user(
    user_id: PathId, caller: Writer, session: SessionDep, revocations: RevocationsDep
) -> Response:
    """Everything the user owns goes with them, within a moment."""
    user = await queries.get_user(session, user_id, only_id=caller.only_owner)
    deleted_at = await service.delete_user(session, user)
    revocations.revoke_user(user_id, issued_before=deleted_at)
    return no_content()
