"""Bodies this service takes and gives: the promise to its callers."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email

from services.users.passwords import CHARACTERS_MAX
from shared.bodies import Body
from shared.fields import Text, refuse
from shared.openapi import Answer, Url, example_url, shown_as

_USERNAME = re.compile(r"[\w.@+-]+")


@dataclass(frozen=True, kw_only=True)
class Username(Text):
    longest: int | None = 150

    def parse(self, value: Any) -> str:
        text = super().parse(value)
        if not _USERNAME.fullmatch(text):
            refuse(
                "Enter a valid username. This value may contain only letters, numbers, "
                "and @/./+/-/_ characters."
            )
        return text


@dataclass(frozen=True, kw_only=True)
class Email(Text):
    longest: int | None = 254

    def parse(self, value: Any) -> str:
        text = super().parse(value)
        if not text:
            return text
        try:
            return validate_email(text, check_deliverability=False).normalized
        except EmailNotValidError:
            refuse("Enter a valid email address.")


Password = Annotated[str, Text(longest=CHARACTERS_MAX)]


class Registration(Body):
    model_config = shown_as(
        username="ada", password1="correct horse 7", password2="correct horse 7"
    )

    username: Annotated[str, Username()]
    password1: Password
    password2: Password
    email: Annotated[str, Email()] = ""


class NewUser(Body):
    """An account made on the command line, where the password is judged apart."""

    username: Annotated[str, Username()]
    email: Annotated[str, Email()] = ""


CREDENTIALS = {"username": "ada", "password": "correct horse 7"}


class Login(Body):
    """A blank name is no field fault here: the contract tells it of the whole body."""

    model_config = shown_as(**CREDENTIALS)

    username: Annotated[str, Text(blank=True)] = ""
    password: Password
    # Nobody logs in by it, but a wrong one is refused, as the contract has it.
    email: Annotated[str, Email(blank=True)] = ""


NEW_PASSWORD = {"new_password1": "correct horse 8", "new_password2": "correct horse 8"}


class PasswordChange(Body):
    model_config = shown_as(**{"old_password": "correct horse 7", **NEW_PASSWORD})

    old_password: Password
    new_password1: Password
    new_password2: Password


class PasswordReset(Body):
    model_config = shown_as(email="ada@example.org")

    email: Annotated[str, Email()]


class PasswordResetConfirmation(Body):
    """`uid` and `token` are what the mail says."""

    model_config = shown_as(**{"uid": "MQ", "token": "from-the-mail", **NEW_PASSWORD})

    new_password1: Password
    new_password2: Password
    uid: Annotated[str, Text()]
    token: Annotated[str, Text()]


class UserReplacement(Body):
    model_config = shown_as(username="ada.l")

    username: Annotated[str, Username()]


class UserChange(Body):
    model_config = shown_as(username="ada.l")

    username: Annotated[str | None, Username()] = None


class UserRead(Answer):
    model_config = shown_as(
        id=1,
        url=example_url("users"),
        username="ada",
        is_staff=False,
        files=[example_url("files")],
        pipelines=[example_url("pipelines")],
    )

    id: int
    url: Url
    username: str
    is_staff: bool
    files: list[Url]
    pipelines: list[Url]


ISSUED = {"token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}


class Issued(Answer):
    model_config = shown_as(**ISSUED)

    token: str


class Keys(Answer):
    model_config = shown_as(
        keys=[
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "use": "sig",
                "alg": "EdDSA",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            }
        ]
    )

    keys: list[dict[str, str]]
