"""The rules of a login: what is judged, in which order, and what is counted."""

from services.users import passwords, queries
from services.users.errors import CannotLogIn
from services.users.keys import SigningKey
from services.users.login.failures import LoginLimits
from services.users.models import User
from services.users.schemas import Login
from services.users.service import issue_token, replace_password
from shared.db import Database
from shared.errors import InvalidFields


async def log_in(
    database: Database,
    body: Login,
    key: SigningKey,
    *,
    limits: LoginLimits,
    address: str,
    days: int,
) -> str:
    """A new token, for name and password; a failure is counted before it is told."""
    if not body.username or not body.password:
        raise InvalidFields.of_whole('Must include "username" and "password".')
    attempt = limits.attempt(body.username, address)
    async with limits.turn():
        async with database.reading() as session:
            await limits.refuse_if_spent(session, attempt)
            found = await queries.find_by_username(session, body.username)
        try:
            user, better_hash = await check_credentials(found, body.username, body.password)
        except CannotLogIn:
            async with database.transaction() as session:
                await limits.count(session, attempt)
            raise
    async with database.transaction() as session:
        await limits.forget(session, attempt)
        if better_hash is not None:
            await replace_password(session, user, better_hash)
        return await issue_token(session, user, key, days=days)


async def check_credentials(
    user: User | None, username: str, password: str
) -> tuple[User, str | None]:
    """The user of these credentials. Names are compared by case here, as the contract has it.

    Beside it the hash to keep from now on, when the stored one is weaker than those made today.
    """
    known = user if user is not None and user.username == username else None
    found = await passwords.compare(password, known.password_hash if known else None)
    if known is None or not found.is_right or not known.is_active:
        raise CannotLogIn
    return known, found.better_hash
