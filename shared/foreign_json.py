"""JSON that strangers wrote, parsed at a cost that is in proportion to its size.

Python's own parser follows any depth until the stack ends, which is elsewhere in every call, and
makes an object of every two bytes. Text is worth its bytes, so only what is around it has a limit.
"""

import json
import math
import re
from typing import Any, NoReturn

# No encoder of ours writes more than 254 levels.
DEPTH_MAX = 200
BESIDE_TEXT_BYTES_MAX = 1024 * 1024

# Possessive, and it matches an unfinished string, too: no text makes it try again.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


def parse(text: str) -> Any:
    """ValueError says what is wrong with it."""
    if len(text) > BESIDE_TEXT_BYTES_MAX and _beside_text(text) > BESIDE_TEXT_BYTES_MAX:
        raise ValueError("too many values")
    try:
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # The brackets are quickly counted, and mostly there are too few to be deep.
    if text.count("[") + text.count("{") > DEPTH_MAX and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def _beside_text(text: str) -> int:
    """How much of it is no string; a log of many lines is one string."""
    if text.count(",") + text.count("[") + text.count("{") < BESIDE_TEXT_BYTES_MAX / 16:
        return 0
    return len(_STRING.sub("", text))


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [each for parent in level for each in _members(parent)]
        if not level:
            return False
    return True


def _members(value: Any) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value
    return [each for each in members if isinstance(each, dict | list)]


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_number(digits[:20])


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")
