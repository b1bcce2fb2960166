"""The rules of accounts: who may exist, how they prove it, and when they stop being believed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import orjson
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.users import passwords, queries
from services.users.errors import UsernameTaken
from services.users.keys import Claims, SigningKey
from services.users.models import Token, User
from services.users.schemas import Registration, UserChange, UserReplacement
from shared.bodies import Submission
from shared.clock import utc_now
from shared.db import Database
from shared.errors import InvalidFields
from shared.events.streams import REVOCATIONS_PREFIX
from shared.events.users import UserDeleted, UserRegistered
from shared.messaging.outbox import enqueue, publish

LOGIN = "login"


async def judge_registration(session: AsyncSession, submission: Submission) -> Registration:
    """Every wrong field at once; only then what is wrong with the whole."""
    right, faults = submission.judge(Registration)
    username = right.get("username", "")
    if username and await queries.find_by_username(session, username) is not None:
        faults |= UsernameTaken().faults
    if weaknesses := passwords.weaknesses(right.get("password1"), username):
        faults["password1"] = weaknesses
    if faults:
        raise InvalidFields(faults)
    body = submission.into(Registration)
    if body.password1 != body.password2:
        raise InvalidFields.of_whole("The two password fields didn't match.")
    return body


async def add_user(
    session: AsyncSession,
    username: str,
    password_hash: str,
    *,
    email: str = "",
    is_staff: bool = False,
) -> User:
    """UsernameTaken also when somebody else was faster: the database has the last word."""
    user = User(
        username=username,
        username_folded=username.casefold(),
        email=email,
        password_hash=password_hash,
        is_staff=is_staff,
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError:
        raise UsernameTaken from None
    await publish(session, UserRegistered(user_id=user.id or 0, username=username))
    return user


async def issue_token(
    session: AsyncSession,
    user: User,
    key: SigningKey,
    *,
    days: int,
    name: str = LOGIN,
    scopes: str | None = None,
) -> str:
    """A new token of the user's own; the others stay."""
    expires_at = utc_now() + timedelta(days=days)
    _, token = add_token(session, user, key, expires_at=expires_at, name=name, scopes=scopes)
    return token


def add_token(
    session: AsyncSession,
    user: User,
    key: SigningKey,
    *,
    expires_at: datetime,
    name: str,
    scopes: str | None,
) -> tuple[Token, str]:
    """What is stored of a new token, and the token, which is not."""
    row = Token(
        id=uuid4().hex,
        user_id=user.id or 0,
        name=name,
        scopes=scopes,
        created_at=utc_now(),
        expires_at=expires_at,
    )
    session.add(row)
    return row, key.sign(
        Claims(
            token_id=row.id,
            user_id=row.user_id,
            username=user.username,
            is_staff=user.is_staff,
            issued_at=row.created_at.timestamp(),
            expires_at=row.expires_at.timestamp(),
            scopes=scopes,
        )
    )


async def revoke_token(session: AsyncSession, token_id: str, *, expires_at: float) -> None:
    """Stops being believed everywhere within a moment; safe to repeat."""
    row = await session.get(Token, token_id)
    if row is not None and row.revoked_at is None:
        row.revoked_at = utc_now()
    await tell_revocation(session, f"token.{token_id}", expires_at)


async def revoke_tokens(session: AsyncSession, user_id: int) -> Sequence[Token]:
    """All that are still believed; answers which those were."""
    live = await queries.list_live_tokens(session, user_id)
    for row in live:
        await revoke_token(session, row.id, expires_at=row.expires_at.timestamp())
    return live


async def replace_password(session: AsyncSession, known: User, password_hash: str) -> bool:
    """False when the password is not that of `known` any more: somebody else was faster."""
    user = await session.get(User, known.id, with_for_update=True)
    if user is None or user.password_hash != known.password_hash:
        return False
    set_password(user, password_hash)
    return True


async def change_user(
    database: Database,
    user_id: int,
    submission: Submission,
    body_type: type[UserReplacement] | type[UserChange],
    *,
    only_id: int | None,
) -> User:
    """Existence is judged before the body, as the contract orders it."""
    async with database.transaction() as session:
        user = await queries.get_user(session, user_id, only_id=only_id)
        username = submission.into(body_type).username
        return await rename_user(session, user, username) if username else user


async def rename_user(session: AsyncSession, user: User, username: str) -> User:
    namesake = await queries.find_by_username(session, username)
    if namesake is not None and namesake.id != user.id:
        raise UsernameTaken
    user.username = username
    user.username_folded = username.casefold()
    return user


async def delete_user(session: AsyncSession, user: User) -> float:
    """The account and its credentials go now; what it owns elsewhere follows the event.

    Answers when: tokens issued up to then are no longer believed, nor are those that a clock has
    issued which was set back since.
    """
    now = utc_now()
    user_id = user.id or 0
    tokens = await queries.list_live_tokens(session, user_id)
    for row in tokens:
        row.revoked_at = now
    deleted_at = max([now, *(row.created_at for row in tokens)]).timestamp()
    await session.delete(user)
    await tell_revocation(session, f"user.{user_id}", deleted_at)
    await publish(session, UserDeleted(user_id=user_id))
    return deleted_at


def set_password(user: User, password_hash: str) -> None:
    """Tokens stay valid, as in the contract."""
    user.password_hash = password_hash


async def tell_revocation(session: AsyncSession, key: str, moment: float) -> None:
    """Put an entry into the bucket that every service watches."""
    # A key-value bucket is a stream with this subject: https://docs.nats.io/nats-concepts/jetstream
    await enqueue(session, f"{REVOCATIONS_PREFIX}{key}", orjson.dumps(moment))
