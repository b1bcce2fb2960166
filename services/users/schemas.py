"""Bodies this service takes: the promise to its callers."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email

from services.users.passwords import CHARACTERS_MAX
from shared.bodies import Body
from shared.fields import Text, refuse

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
    username: Annotated[str, Username()]
    password1: Password
    password2: Password
    email: Annotated[str, Email()] = ""


class NewUser(Body):
    """An account made on the command line, where the password is judged apart."""

    username: Annotated[str, Username()]
    email: Annotated[str, Email()] = ""


class Login(Body):
    """A blank name is no field fault here: the contract tells it of the whole body."""

    username: Annotated[str, Text(blank=True)] = ""
    password: Password
    # Nobody logs in by it, but a wrong one is refused, as the contract has it.
    email: Annotated[str, Email(blank=True)] = ""


class UserReplacement(Body):
    username: Annotated[str, Username()]


class UserChange(Body):
    username: Annotated[str | None, Username()] = None
