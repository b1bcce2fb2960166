"""Bodies this service takes and gives: the promise to its callers."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from services.users.passwords import CHARACTERS_MAX, CHARACTERS_MIN
from services.users.scopes import SCOPES
from shared.bodies import Body
from shared.fields import Field, Number, Text, refuse
from shared.openapi import EXAMPLE_HOST, Answer, Moment, Url, example_url, shown_as

DAYS_MAX = 3650
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
        return {**super().json_schema(), "format": "email"}

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


@dataclass(frozen=True, kw_only=True)
class Scopes(Field):
    """A list of scopes, or a text with blanks or commas between them; stored as such a text."""

    blank_form_is_absent: bool = True
    is_list: ClassVar[bool] = True

    def parse(self, value: Any) -> str:
        chosen = _words(value) if isinstance(value, str) else value
        if not isinstance(chosen, list):
            refuse(f'Expected a list of items but got type "{type(value).__name__}".')
        if all(isinstance(one, str) for one in chosen):
            chosen = [word for one in chosen for word in _words(one) if word]
        if not any(chosen):
            refuse("This list may not be empty.")
        unknown = [one for one in chosen if one not in SCOPES]
        if unknown:
            refuse(*(f"{ascii(one)[:100]} is not one of: {', '.join(SCOPES)}." for one in unknown))
        return " ".join(one for one in SCOPES if one in chosen)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "items": {"enum": list(SCOPES)}}


def _words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip())


@dataclass(frozen=True, kw_only=True)
class Days(Number):
    """Its limit is judged together with `expires`."""

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": 1, "maximum": DAYS_MAX}


@dataclass(frozen=True, kw_only=True)
class Expiry(Field):
    blank_form_is_absent: bool = True

    def parse(self, value: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            refuse("Enter a date and time like 2026-01-31T12:00:00Z.")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class TokenCreate(Body):
    """`days` or `expires` say when it ends; without scopes it may do all that you may."""

    model_config = shown_as(name="nightly job", days=90, scopes=["files:read", "runs:write"])

    name: Annotated[str, Text(longest=100)]
    days: Annotated[int | None, Days(nullable=True, blank_form_is_absent=True)] = None
    expires: Annotated[datetime | None, Expiry(nullable=True)] = None
    scopes: Annotated[str | None, Scopes(nullable=True)] = None


TOKEN = {
    "id": "0b1c2d3e4f5a40718293a4b5c6d7e8f9",
    "url": f"{EXAMPLE_HOST}/auth/tokens/0b1c2d3e4f5a40718293a4b5c6d7e8f9/",
    "name": "nightly job",
    "created": "2026-11-23T16:35:50.501938Z",
    "last_used": "2026-11-24T09:00:00.000000Z",
    "expires": "2027-02-21T16:35:50.501938Z",
    "scopes": ["files:read", "runs:write"],
    "current": False,
}


class TokenRead(Answer):
    """`last_used` is right to about a minute; `current` is the token that asks."""

    model_config = shown_as(**TOKEN)

    id: str
    url: Url
    name: str
    created: Moment
    last_used: Moment | None
    expires: Moment
    scopes: list[str] | None
    current: bool


class TokenCreated(TokenRead):
    """The only answer that shows the token itself."""

    model_config = shown_as(**TOKEN, **ISSUED)

    token: str
