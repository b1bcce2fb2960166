"""Tokens that people make for their programs: narrowed, named, and revoked by themselves."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.users import queries, service
from services.users.keys import SigningKey
from services.users.models import Token
from services.users.token_schemas import DAYS_MAX, TokenCreate
from shared.auth import Caller
from shared.clock import iso, utc_now
from shared.errors import InvalidFields
from shared.hyperlinks import Hyperlinks


async def make_token(
    session: AsyncSession, caller: Caller, body: TokenCreate, key: SigningKey, *, days: int
) -> tuple[Token, str]:
    """What is stored of it, and the token itself, which nobody can be shown again."""
    user = await queries.get_user(session, caller.user_id, only_id=caller.user_id)
    return service.add_token(
        session,
        user,
        key,
        expires_at=_expiry(body, days),
        name=body.name,
        scopes=body.scopes,
    )


def _expiry(body: TokenCreate, days: int) -> datetime:
    now = utc_now()
    if body.days is not None and body.expires is not None:
        raise InvalidFields.of_whole('Give "days" or "expires", not both.')
    if body.days is not None and not 1 <= body.days <= DAYS_MAX:
        raise InvalidFields.of_field("days", f"Must be from 1 to {DAYS_MAX}.")
    if body.expires is None:
        return now + timedelta(days=body.days or days)
    if not now < body.expires <= now + timedelta(days=DAYS_MAX):
        raise InvalidFields.of_field("expires", f"Must be in the next {DAYS_MAX} days.")
    return body.expires


def show_token(row: Token, caller: Caller, links: Hyperlinks) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": links.path(f"/auth/tokens/{row.id}/"),
        "name": row.name,
        "created": iso(row.created_at),
        "last_used": None if row.last_used_at is None else iso(row.last_used_at),
        "expires": iso(row.expires_at),
        "scopes": None if row.scopes is None else row.scopes.split(),
        "current": row.id == caller.token_id,
    }
