"""`/auth/`: become someone, prove it, stop being it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.users import queries, service
from services.users.dependencies import (
    ClientAddressDep,
    KeyRingDep,
    LoginLimitsDep,
    PresenterDep,
    Reader,
    RevocationsDep,
    SettingsDep,
    SigningKeyDep,
    Writer,
)
from services.users.login.documents import TOO_MANY
from services.users.login.service import log_in as login
from services.users.passwords import hash_password
from services.users.schemas import (
    Credentials,
    Issued,
    Keys,
    Login,
    Registration,
    UserChange,
    UserRead,
    UserReplacement,
)
from shared.answers import json_response
from shared.auth import Caller, authenticate
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep, SessionDep
from shared.errors import Unauthenticated
from shared.openapi import OPTIONAL_TOKEN, Detail

router = APIRouter(prefix="/auth", tags=["authentication"])


@router.post(
    "/registration/",
    status_code=201,
    response_model=Issued,
    openapi_extra=accepts(Registration),
)
async def register(
    submission: SubmissionDep,
    database: DatabaseDep,
    settings: SettingsDep,
    key: SigningKeyDep,
) -> Response:
    """Create an account; the answer holds its first token."""
    async with database.reading() as session:
        body = await service.judge_registration(session, submission)
    password_hash = await hash_password(body.password1)
    async with database.transaction() as session:
        user = await service.add_user(session, body.username, password_hash, email=body.email)
        token = await service.issue_token(session, user, key, days=settings.token_days)
    return json_response({"token": token}, status=201)


@router.post(
    "/login/", response_model=Issued, openapi_extra=accepts(Credentials), responses=TOO_MANY
)
async def log_in(
    submission: SubmissionDep,
    database: DatabaseDep,
    settings: SettingsDep,
    key: SigningKeyDep,
    limits: LoginLimitsDep,
    address: ClientAddressDep,
) -> Response:
    """A new token for name and password; tokens from elsewhere stay valid."""
    body = submission.into(Login)
    days = settings.token_days
    token = await login(database, body, key, limits=limits, address=address, days=days)
    return json_response({"token": token})


@router.post("/logout/", response_model=Detail, openapi_extra=OPTIONAL_TOKEN)
async def log_out(request: Request, session: SessionDep, revocations: RevocationsDep) -> Response:
    """Revoke the token this request carries; fine without one, too."""
    caller = await _caller_if_any(request)
    if caller is not None:
        await service.revoke_token(session, caller.token_id, expires_at=caller.expires_at)
        # At once here; the other services hear of it.
        revocations.revoke_token(caller.token_id, expires_at=caller.expires_at)
    return json_response({"detail": "Successfully logged out."})


async def _caller_if_any(request: Request) -> Caller | None:
    try:
        return await authenticate(request)
    except Unauthenticated:
        return None


@router.get("/user/", response_model=UserRead)
async def read_current_user(
    caller: Reader, session: ReadSessionDep, presenter: PresenterDep
) -> Response:
    user = await queries.get_user(session, caller.user_id, only_id=caller.user_id)
    return json_response(await presenter.show_one(user, caller))


@router.put("/user/", response_model=UserRead, openapi_extra=accepts(UserReplacement))
async def replace_current_user(
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    user = await service.change_user(
        database, caller.user_id, submission, UserReplacement, only_id=caller.user_id
    )
    return json_response(await presenter.show_one(user, caller))


@router.patch("/user/", response_model=UserRead, openapi_extra=accepts(UserChange))
async def change_current_user(
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    presenter: PresenterDep,
) -> Response:
    user = await service.change_user(
        database, caller.user_id, submission, UserChange, only_id=caller.user_id
    )
    return json_response(await presenter.show_one(user, caller))


@router.get("/jwks.json", response_model=Keys)
async def read_keys(keys: KeyRingDep) -> Response:
    """The public keys that verify our tokens (RFC 7517)."""
    return json_response(keys.jwks(), headers={"Cache-Control": "public, max-age=300"})
