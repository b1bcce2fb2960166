"""A forgotten password: a mail to the address on record, and a new password for what it says.

A reset token is an HMAC over the account as it is now, so nothing is stored: it ends by its own
expiry, and by every change of the password, its own use first of all.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.users import passwords, queries, service
from services.users.mail import Mailer
from services.users.models import Token, User
from services.users.schemas import PasswordResetConfirmation
from services.users.settings import UsersSettings
from shared.db import Database
from shared.errors import InvalidFields
from shared.hyperlinks import parse_id

_HEX = re.compile(r"[0-9a-f]{1,12}")

INVALID = "Invalid value"
SUBJECT = "Your new password at MLsploit"
TEXT = """\
Somebody, most likely you, asked for a new password for {username} at MLsploit.

{how}

This works once, within {minutes} minutes. If it was not you, do nothing: your password stays.
"""
BY_LINK = "Choose it here:\n{link}"
BY_API = """\
Send it as new_password1 and new_password2 to /auth/password/reset/confirm/, together with

uid: {uid}
token: {token}"""


class ResetTokens:
    """Makes and checks reset tokens; the key is derived from the secret, for this use alone."""

    def __init__(self, secret: str):
        derive = HKDF(SHA256(), 32, salt=None, info=b"mlsploit password reset v1")
        self._key = derive.derive(secret.encode())

    def make(self, user: User, *, expires_at: int) -> str:
        return f"{expires_at:x}-{self._seal(user, expires_at)}"

    def is_good(self, user: User, token: str) -> bool:
        moment, _, seal = token.partition("-")
        if not _HEX.fullmatch(moment):
            return False
        expires_at = int(moment, 16)
        expected = self._seal(user, expires_at)
        return hmac.compare_digest(expected.encode(), seal.encode()) and expires_at > time.time()

    def _seal(self, user: User, expires_at: int) -> str:
        content = "\n".join((str(user.id), user.password_hash, user.email, str(expires_at)))
        return _base64url(hmac.digest(self._key, content.encode(), hashlib.sha256))


async def send_resets(
    mailer: Mailer, users: Sequence[User], tokens: ResetTokens, settings: UsersSettings
) -> None:
    """One mail for each account; whether there is any is told to nobody else."""
    expires_at = int(time.time()) + settings.password_reset_minutes * 60
    for user in users:
        token = tokens.make(user, expires_at=expires_at)
        text = TEXT.format(
            username=user.username,
            how=_instructions(uid_of(user), token, settings.password_reset_url),
            minutes=settings.password_reset_minutes,
        )
        await mailer.send(user.email, SUBJECT, text)


def _instructions(uid: str, token: str, page: str) -> str:
    """A link only to the page that an operator named: never to the host that was asked."""
    if not page:
        return BY_API.format(uid=uid, token=token)
    link = page.replace("{uid}", quote(uid)).replace("{token}", quote(token))
    return BY_LINK.format(link=link)


async def confirm_reset(
    database: Database, body: PasswordResetConfirmation, tokens: ResetTokens
) -> Sequence[Token]:
    """Sets the new password. Every token the user had is revoked; answers which those were."""
    async with database.reading() as session:
        user = await queries.find_active_user(session, _user_id(body.uid))
    if user is None:
        raise InvalidFields.of_field("uid", INVALID)
    # Likeness to the name is told only to those who may know the name.
    passwords.check_new(body.new_password1, body.new_password2, username="")
    if not tokens.is_good(user, body.token):
        raise InvalidFields.of_field("token", INVALID)
    passwords.check_new(body.new_password1, body.new_password2, username=user.username)
    password_hash = await passwords.hash_password(body.new_password1)
    async with database.transaction() as session:
        if not await service.replace_password(session, user, password_hash):
            raise InvalidFields.of_field("token", INVALID)
        return await service.revoke_tokens(session, user.id or 0)


def uid_of(user: User) -> str:
    return _base64url(str(user.id).encode())


def _user_id(uid: str) -> int:
    """0, which nobody is, for what is no uid."""
    try:
        padding = "=" * (-len(uid) % 4)
        return parse_id(base64.urlsafe_b64decode(uid + padding).decode()) or 0
    except ValueError:
        return 0


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
