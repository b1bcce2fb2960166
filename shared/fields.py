"""Types for the fields of request bodies, with the wording that existing clients know.

Use them in `Annotated`: `name: Annotated[str, Text(longest=100)]`. Each parses one value out of a
JSON body or a form (where everything is text) and says in the contract's words what is wrong.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared import foreign_json
from shared.errors import NOT_NULL
from shared.hyperlinks import link_schema, parse_link

BLANK = "This field may not be blank."
NOT_A_STRING = "Not a valid string."
SHOWN_CHARACTERS_MAX = 200
NUL = "Null characters are not allowed."

# JSON can smuggle one in, and UTF-8 cannot carry it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRUE = {"t", "T", "y", "Y", "yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1"}
_FALSE = {"f", "F", "n", "N", "no", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0"}


def refuse(*texts: str) -> NoReturn:
    """Refuse the field's value, once for every text."""
    raise PydanticCustomError("field", "{text}", {"text": texts[0], "texts": list(texts)})


@dataclass(frozen=True, kw_only=True)
class Field:
    """One way to read a value. `null` is refused unless `nullable`."""

    # All values of a key that a form repeats, not only the last one.
    is_list: ClassVar[bool] = False

    nullable: bool = False
    null_text: str = NOT_NULL
    # In a form a blank value of this field means "not given".
    blank_form_is_absent: bool = False
    # In a form a blank value of this field means null, which `nullable` then judges.
    blank_form_is_null: bool = False

    def parse(self, value: Any) -> Any:
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        raise NotImplementedError

    def judge(self, value: Any) -> Any:
        if value is None:
            return None if self.nullable else refuse(self.null_text)
        return self.parse(value)

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.judge)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = self.json_schema()
        return {"anyOf": [schema, {"type": "null"}]} if self.nullable else schema


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """White space around it is cut off, numbers become text; lengths count characters."""

    longest: int | None = None
    blank: bool = False
    trim: bool = True

    def parse(self, value: Any) -> str:
        text = self.read(value)
        if not text and not self.blank:
            refuse(BLANK)
        if self.longest is not None and len(text) > self.longest:
            refuse(f"Ensure this field has no more than {self.longest} characters.")
        return text

    def read(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            refuse(NOT_A_STRING)
        text = str(value)
        if "\x00" in text:
            refuse(NUL)
        if _SURROGATE.search(text):
            refuse(NOT_A_STRING)
        return text.strip() if self.trim else text

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string"}
        if not self.blank:
            schema |= {"minLength": 1, "pattern": r"\S"}
        if self.longest is not None:
            schema["maxLength"] = self.longest
        return schema


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    options: tuple[str, ...]
    blank_form_is_absent: bool = True

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.options:
            refuse(f'"{_shown(value)}" is not a valid choice.')
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.options)}


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    def parse(self, value: Any) -> bool:
        text = str(value) if isinstance(value, str | bool | int | float) else ""
        if text in _TRUE or value == 1.0:
            return True
        if text in _FALSE or value == 0.0:
            return False
        refuse("Must be a valid boolean.")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, kw_only=True)
class JsonText(Text):
    """Text that holds JSON; kept as Python's `json` writes it. NaN and Infinity are refused."""

    not_json: str = "Not a valid JSON text."
    blank_form_is_absent: bool = True

    def parse(self, value: Any) -> str:
        text = super().parse(value)
        try:
            return json.dumps(foreign_json.parse(text))
        except ValueError:
            refuse(self.not_json)

    def json_schema(self) -> dict[str, Any]:
        # Not contentMediaType: browsers of an API then ask for a file to send as the field.
        return {"type": "string", "format": "json", "examples": ["{}"]}


@dataclass(frozen=True, kw_only=True)
class Link(Field):
    """A hyperlink to one thing; becomes its id. Whether it exists is for its owner to say."""

    to: str
    blank_form_is_null: bool = True

    def judge(self, value: Any) -> Any:
        return super().judge(None if value == "" else value)

    def parse(self, value: Any) -> int:
        try:
            return parse_link(value, self.to)
        except ValueError as error:
            refuse(str(error))

    def json_schema(self) -> dict[str, Any]:
        return link_schema(self.to)


@dataclass(frozen=True, kw_only=True)
class Links(Field):
    """Hyperlinks to several things of one kind; become ascending ids, each once."""

    is_list: ClassVar[bool] = True

    to: str

    def parse(self, value: Any) -> list[int]:
        if not isinstance(value, list):
            refuse(f'Expected a list of items but got type "{type(value).__name__}".')
        try:
            return sorted({parse_link(item, self.to) for item in value})
        except ValueError as error:
            refuse(str(error))

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": link_schema(self.to)}


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A whole number that is not negative, as digits or as a JSON number."""

    def parse(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # To JSON 90.0 is a whole number.
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            return self.parse(int(value))
        refuse("A valid integer is required.")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}


def _shown(value: Any) -> str:
    """What was sent, in an answer: never all of something long."""
    text = value.encode(errors="replace").decode() if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."
