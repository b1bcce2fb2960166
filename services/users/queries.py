"""Every SELECT of this service. Reads for a person take that person's id."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.users.models import FailedLogins, Token, User
from shared.auth import REVOCATION_SECONDS_MORE
from shared.clock import utc_now
from shared.db import col
from shared.errors import NotFound
from shared.paging import Orders, Page
from shared.selections import Selection

COLUMNS = (col(User.id), col(User.username), col(User.is_staff))
USERS = Selection(select(*COLUMNS))
USER_ORDERS = Orders({"id": col(User.id)}, created=col(User.joined_at), default="-id")


async def list_users(
    session: AsyncSession,
    page: Page | None = None,
    *,
    only_id: int | None,
    ids: list[int] | None = None,
) -> Sequence[Any]:
    """Newest first, as the contract has it; `only_id` None is for staff."""
    visible = None if only_id is None else [only_id]
    narrowing = ((col(User.id), visible), (col(User.id), ids))
    return await USERS.rows(session, narrowing, page or Page(USER_ORDERS))


async def get_user(session: AsyncSession, user_id: int, *, only_id: int | None) -> User:
    user = await session.get(User, user_id)
    if user is None or (only_id is not None and user.id != only_id):
        raise NotFound
    return user


async def find_by_username(session: AsyncSession, username: str) -> User | None:
    statement = select(User).where(col(User.username_folded) == username.casefold())
    return (await session.scalars(statement)).one_or_none()


async def get_by_username(session: AsyncSession, username: str) -> User:
    """For the command line, where a missing user is worth a name."""
    user = await find_by_username(session, username)
    if user is None:
        raise NotFound(f"User {username} does not exist.")
    return user


async def find_active_user(session: AsyncSession, user_id: int) -> User | None:
    user = await session.get(User, user_id)
    return user if user is not None and user.is_active else None


async def list_active_users_of_address(session: AsyncSession, email: str) -> Sequence[User]:
    """Several people may have given the same address; case does not count."""
    statement = select(User).where(
        func.lower(col(User.email)) == func.lower(email), col(User.is_active)
    )
    return (await session.scalars(statement)).all()


async def list_failures(session: AsyncSession, buckets: Sequence[str]) -> Sequence[Any]:
    columns = (col(FailedLogins.bucket), col(FailedLogins.failures), col(FailedLogins.ends_at))
    statement = select(*columns).where(col(FailedLogins.bucket).in_(buckets))
    return (await session.execute(statement)).all()


async def list_live_tokens(session: AsyncSession, user_id: int) -> Sequence[Token]:
    """Newest first."""
    statement = select(Token).where(col(Token.user_id) == user_id, *_is_live())
    return (await session.scalars(statement.order_by(col(Token.created_at).desc()))).all()


async def get_live_token(session: AsyncSession, token_id: str, *, user_id: int) -> Token:
    statement = select(Token).where(
        col(Token.id) == token_id, col(Token.user_id) == user_id, *_is_live()
    )
    token = (await session.scalars(statement)).one_or_none()
    if token is None:
        raise NotFound
    return token


def _is_live() -> tuple[ColumnElement[bool], ...]:
    return (col(Token.revoked_at).is_(None), col(Token.expires_at) > utc_now())


async def list_revoked_tokens(session: AsyncSession) -> Sequence[Token]:
    """Those that would still be believed, now or by a clock that is set back, if nobody told."""
    oldest = utc_now() - timedelta(seconds=REVOCATION_SECONDS_MORE)
    statement = select(Token).where(
        col(Token.revoked_at).is_not(None), col(Token.expires_at) > oldest
    )
    return (await session.scalars(statement)).all()
