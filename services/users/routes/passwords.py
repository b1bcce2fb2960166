"""`/auth/password/`: a new password for somebody who knows the old one, or who reads their mail."""

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import Response

from services.users import queries, resets
from services.users.dependencies import (
    ClientAddressDep,
    LoginLimitsDep,
    MailerDep,
    ResetTokensDep,
    RevocationsDep,
    SettingsDep,
)
from services.users.login import changing
from services.users.login.documents import TOO_MANY
from services.users.schemas import PasswordChange, PasswordReset, PasswordResetConfirmation
from shared.answers import json_response
from shared.auth import CallerDep
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep
from shared.openapi import Detail

router = APIRouter(prefix="/auth/password", tags=["authentication"])


@router.post(
    "/change/", response_model=Detail, openapi_extra=accepts(PasswordChange), responses=TOO_MANY
)
async def change_password(
    caller: CallerDep,
    submission: SubmissionDep,
    database: DatabaseDep,
    limits: LoginLimitsDep,
    address: ClientAddressDep,
) -> Response:
    """Your own password; your tokens stay valid."""
    await changing.change_password(
        database, caller.user_id, submission, limits=limits, address=address
    )
    return json_response({"detail": "New password has been saved."})


@router.post("/reset/", response_model=Detail, openapi_extra=accepts(PasswordReset))
async def request_password_reset(
    submission: SubmissionDep,
    database: DatabaseDep,
    mailer: MailerDep,
    tokens: ResetTokensDep,
    settings: SettingsDep,
) -> Response:
    """Ask for a mail that lets you choose a new password; the answer is the same for anybody."""
    address = submission.into(PasswordReset).email
    async with database.reading() as session:
        users = await queries.list_active_users_of_address(session, address)
    answer = json_response({"detail": "Password reset e-mail has been sent."})
    # After the answer, so that its time does not tell whether there was a mail to send.
    answer.background = BackgroundTask(resets.send_resets, mailer, users, tokens, settings)
    return answer


@router.post(
    "/reset/confirm/", response_model=Detail, openapi_extra=accepts(PasswordResetConfirmation)
)
async def confirm_password_reset(
    submission: SubmissionDep,
    database: DatabaseDep,
    tokens: ResetTokensDep,
    revocations: RevocationsDep,
) -> Response:
    """Choose a new password with what the mail says; the account's tokens are revoked."""
    body = submission.into(PasswordResetConfirmation)
    for token in await resets.confirm_reset(database, body, tokens):
        revocations.revoke_token(token.id, expires_at=token.expires_at.timestamp())
    return json_response({"detail": "Password has been reset with the new password."})
