"""`/auth/tokens/`: your own tokens. A narrowed one may not touch them: it could widen itself."""

from fastapi import APIRouter
from starlette.responses import Response

from services.users import queries, service
from services.users.dependencies import RevocationsDep, SettingsDep, SigningKeyDep
from services.users.token_schemas import TokenCreate, TokenCreated, TokenRead
from services.users.tokens import make_token, show_token
from shared.answers import created, json_response, no_content
from shared.auth import CallerDep
from shared.bodies import SubmissionDep, accepts
from shared.db import ReadSessionDep, SessionDep
from shared.hyperlinks import HyperlinksDep

router = APIRouter(prefix="/auth/tokens", tags=["authentication"])


@router.get("/", response_model=list[TokenRead])
async def list_tokens(caller: CallerDep, session: ReadSessionDep, links: HyperlinksDep) -> Response:
    """Those that are good now, newest first."""
    rows = await queries.list_live_tokens(session, caller.user_id)
    return json_response([show_token(row, caller, links) for row in rows])


@router.post("/", status_code=201, response_model=TokenCreated, openapi_extra=accepts(TokenCreate))
async def create_token(
    caller: CallerDep,
    submission: SubmissionDep,
    session: SessionDep,
    settings: SettingsDep,
    key: SigningKeyDep,
    links: HyperlinksDep,
) -> Response:
    """Make a token for a program; it is shown in this answer and never again."""
    body = submission.into(TokenCreate)
    row, token = await make_token(session, caller, body, key, days=settings.token_days)
    return created({**show_token(row, caller, links), "token": token})


@router.get("/{token_id}/", response_model=TokenRead)
async def read_token(
    token_id: str, caller: CallerDep, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    row = await queries.get_live_token(session, token_id, user_id=caller.user_id)
    return json_response(show_token(row, caller, links))


@router.delete("/{token_id}/", status_code=204)
async def revoke_token(
    token_id: str, caller: CallerDep, session: SessionDep, revocations: RevocationsDep
) -> Response:
    """It is believed nowhere any more, within a moment; the other tokens stay."""
    row = await queries.get_live_token(session, token_id, user_id=caller.user_id)
    expires_at = row.expires_at.timestamp()
    await service.revoke_token(session, row.id, expires_at=expires_at)
    revocations.revoke_token(row.id, expires_at=expires_at)
    return no_content()
