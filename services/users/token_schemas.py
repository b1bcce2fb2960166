"""Bodies and answers of tokens that people make themselves."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from services.users.schemas import ISSUED
from services.users.scopes import SCOPES
from shared.bodies import Body
from shared.fields import Field, Number, Text, refuse
from shared.openapi import EXAMPLE_HOST, Answer, Moment, Url, shown_as

DAYS_MAX = 3650


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
