"""A task's arguments against its function's options: pure, and every fault at once.

What converts without loss is accepted ("4" for an int), because forms and the web UI send texts.
The stored text stays the caller's; the job gets the converted values when it is made.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

CHARACTERS_SHOWN_MAX = 60

# Deliberately plain: int() and float() would also take "1_000", other scripts' digits and "nan".
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,4000}(\.0+)?\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Option(Protocol):
    """The part of a function's option that decides what fits."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def enum_values(self) -> list[str] | None: ...
    @property
    def default(self) -> Any: ...


def find_faults(arguments: str, options: Sequence[Option]) -> list[str]:
    """One text per fault in this JSON text; empty when a job can be made from it."""
    values = _parse(arguments)
    if not isinstance(values, dict):
        return ["Expected a JSON object of option names and values."]
    known = {option.name: option for option in options}
    faults = [f"Unknown option: {_shown(name)}." for name in values if name not in known]
    for option in options:
        if option.name in values:
            faults.extend(_fault_of(option, values[option.name]))
        elif option.required and option.default is None:
            faults.append(f"Option {option.name} is required.")
    return faults


def _parse(arguments: str) -> Any:
    # Text that was read once may still be too deep where the stack is longer.
    with suppress(RecursionError):
        return json.loads(arguments)


def _fault_of(option: Option, value: Any) -> list[str]:
    try:
        convert(option, value)
    except ValueError as error:
        return [f"Option {option.name}: expected {error}, not {_shown(value)}."]
    return []


def convert(option: Option, value: Any) -> str | int | float | bool:
    """The value in the option's own type; ValueError says what was expected."""
    if option.type == "enum":
        return _enum(value, option.enum_values or [])
    return _CONVERTERS[option.type](value)


def _text(value: Any) -> str:
    if isinstance(value, str) and _encodable(value) == value:
        return value
    if _is_number(value):
        return json.dumps(value)
    raise ValueError("a text")


def _integer(value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.strip().partition(".")[0])
    if _is_number(value) and (isinstance(value, int) or value.is_integer()):
        return int(value)
    raise ValueError("a whole number")


def _float(value: Any) -> float:
    if _is_number(value) or (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        with suppress(OverflowError):
            number = float(value)
            if math.isfinite(number):
                return number
    raise ValueError("a number")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(_integer_or_text(value)).strip().lower()
    if text in _FLAGS:
        return _FLAGS[text]
    raise ValueError("true or false")


def _integer_or_text(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _enum(value: Any, allowed: Sequence[str]) -> str:
    text = json.dumps(value) if _is_number(value) else value
    if isinstance(text, str) and text in allowed:
        return text
    raise ValueError("one of " + ", ".join(allowed))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = _encodable(value) if isinstance(value, str) else json.dumps(value)
    if len(text) > CHARACTERS_SHOWN_MAX:
        text = text[: CHARACTERS_SHOWN_MAX - 3] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def _encodable(text: str) -> str:
    """Without lone surrogates, which JSON can smuggle in and no answer or file can carry."""
    return text.encode(errors="backslashreplace").decode()


_CONVERTERS: dict[str, Callable[[Any], str | int | float | bool]] = {
    "str": _text,
    "int": _integer,
    "float": _float,
    "bool": _flag,
}
