"""Bodies this service takes and gives: the promise to its callers."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from services.users.passwords import CHARACTERS_MAX, CHARACTERS_MIN
from shared.bodies import Body
from shared.fields import Text, refuse
from shared.openapi import Answer, Url, example_url, shown_as

_USERNAME = re.compile(r"[\w.@+-]+")
# Mail also goes where only a private network knows the way; the library's own switch for that.
SPECIAL_USE_DOMAIN_NAMES.clear()
# As existing clients know it: one word alone is no domain, but for this machine's own.
_FULL_DOMAIN = re.compile(r"\.|^\[|^localhost$")


@dataclass(frozen=True, kw_only=True)
class Username(Text):
    longest: int | None = 150

    def json_schema(self) -> dict[str, Any]:
        return {**super().json_schema(), "pattern": f"^{_USERNAME.pattern}$"}

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

    def json_schema(self) -> dict[str, Any]:
        schema = super().json_schema()
        address = {"format": "email"}
        return {**schema, "anyOf": [address, {"maxLength": 0}]} if self.blank else schema | address

    def parse(self, value: Any) -> str:
        text = super().parse(value)
        if not text:
            return text
        try:
            found = validate_email(
                text,
                check_deliverability=False,
                globally_deliverable=False,
                allow_quoted_local=True,
                allow_domain_literal=True,
            )
        except EmailNotValidError:
            refuse("Enter a valid email address.")
        if not _FULL_DOMAIN.search(found.ascii_domain):
            refuse("Enter a valid email address.")
        return found.normalized


@dataclass(frozen=True, kw_only=True)
class NewPassword(Text):
    """How weak it may be is judged together with the name."""

    longest: int | None = CHARACTERS_MAX

    def json_schema(self) -> dict[str, Any]:
        return {**super().json_schema(), "minLength": CHARACTERS_MIN}


Password = Annotated[str, Text(longest=CHARACTERS_MAX)]
Chosen = Annotated[str, NewPassword()]


class Registration(Body):
    model_config = shown_as(
        username="ada", password1="correct horse 7", password2="correct horse 7"
    )

    username: Annotated[str, Username()]
    password1: Chosen
    password2: Chosen
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


class Credentials(Login):
    """For the document, which says what it takes to log in."""

    username: Annotated[str, Text()]


NEW_PASSWORD = {"new_password1": "correct horse 8", "new_password2": "correct horse 8"}


class PasswordChange(Body):
    model_config = shown_as(**{"old_password": "correct horse 7", **NEW_PASSWORD})

    old_password: Password
    new_password1: Chosen
    new_password2: Chosen


class PasswordReset(Body):
    model_config = shown_as(email="ada@example.org")

    email: Annotated[str, Email()]


class PasswordResetConfirmation(Body):
    """`uid` and `token` are what the mail says."""

    model_config = shown_as(**{"uid": "MQ", "token": "from-the-mail", **NEW_PASSWORD})

    new_password1: Chosen
    new_password2: Chosen
    uid: Annotated[str, Text()]
    token: Annotated[str, Text()]


class UserReplacement(Body):
    model_config = shown_as(username="ada.l")

    username: Annotated[str, Username()]


class UserChange(Body):
    model_config = shown_as(username="ada.l")

    username: Annotated[str | None, Username()] = None


class UserRead(Answer):
    """A narrowed token sees `files` only with `files:read`, `pipelines` with `pipelines:read`."""

    model_config = shown_as(
        ["files", "pipelines"],
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
