"""A new password for somebody who knows the old one.

A wrong old one is a guess, like a login that fails, and is counted with those: whoever has no more
than somebody's token must not find the password by it.
"""

from services.users import passwords, queries
from services.users.errors import WrongPassword
from services.users.login.failures import Attempt, LoginLimits
from services.users.models import User
from services.users.schemas import PasswordChange
from services.users.service import replace_password
from shared.bodies import Submission
from shared.db import Database
from shared.errors import InvalidFields


async def change_password(
    database: Database, user_id: int, submission: Submission, *, limits: LoginLimits, address: str
) -> None:
    """Tokens stay valid, as in the contract."""
    async with database.reading() as session:
        user = await queries.get_user(session, user_id, only_id=user_id)
    attempt = limits.attempt(user.username, address)
    right, faults = submission.judge(PasswordChange)
    if "old_password" in right and not await _knows(
        database, user, right["old_password"], limits, attempt
    ):
        faults |= WrongPassword().faults
    if faults:
        raise InvalidFields(faults)
    body = submission.into(PasswordChange)
    passwords.check_new(body.new_password1, body.new_password2, username=user.username)
    password_hash = await passwords.hash_password(body.new_password1)
    async with database.transaction() as session:
        if not await replace_password(session, user, password_hash):
            raise WrongPassword
        await limits.forget(session, attempt)


async def _knows(
    database: Database, user: User, password: str, limits: LoginLimits, attempt: Attempt
) -> bool:
    """A failure is counted before it is told."""
    async with limits.turn():
        async with database.reading() as session:
            await limits.refuse_if_spent(session, attempt)
        is_right = await passwords.matches(password, user.password_hash)
        if not is_right:
            async with database.transaction() as session:
                await limits.count(session, attempt)
    return is_right
