"""The options a job is run with: the task's arguments, converted, defaults filled in. Pure.

They were checked when the task was made; the module may have changed since, so they are judged
again against the options as they are now.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from shared.clients.modules import OptionView

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def options_for_job(
    arguments: str, options: Sequence[OptionView]
) -> tuple[dict[str, Any], list[str]]:
    """What the function is called with, and every fault in a sentence.

    An option without a value and without a default stays out: the function decides.
    """
    given = json.loads(arguments)
    if not isinstance(given, dict):
        return {}, ["Arguments are not an object."]
    known = {option.name: option for option in options}
    faults = [f"Unknown option '{name}'." for name in given if name not in known]
    values: dict[str, Any] = {}
    for name, option in known.items():
        value = given.get(name)
        if value is None:
            value = option.default
        if value is None:
            if option.required:
                faults.append(f"Option '{name}' is required.")
            continue
        try:
            values[name] = _converted(value, option)
        except (ValueError, KeyError, OverflowError):
            faults.append(f"Option '{name}' does not take {value!r}.")
    return values, faults


def _converted(value: Any, option: OptionView) -> Any:
    """The value in the option's type, if it can be had without loss; ValueError if not."""
    match option.type:
        case "int":
            return _whole(value)
        case "float":
            return _real(value)
        case "bool":
            return _flag(value)
        case "enum":
            return _choice(value, option.enum_values or [])
        case _:
            return _text(value)


def _whole(value: Any) -> int:
    text = _text(value).strip()
    whole, _, fraction = text.partition(".")
    # Digit by digit where possible: a detour over float would change large numbers.
    if not fraction.strip("0"):
        return int(whole)
    number = float(text)
    if not number.is_integer():
        raise ValueError
    return int(number)


def _real(value: Any) -> float:
    number = float(_text(value))
    if not math.isfinite(number):
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return _FLAGS[_text(value).strip().lower().removesuffix(".0")]


def _choice(value: Any, allowed: Sequence[str]) -> str:
    text = _text(value)
    if text not in allowed:
        raise ValueError
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    return str(value)
