"""The names that a case may use: given by the system, made for a scenario, saved from answers."""

import base64
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

VAR = re.compile(r"\$\{([^{}]+)\}")
ALPHABET = string.ascii_lowercase + string.digits


class Undefined(Exception):
    """A case names a variable that nobody has set."""


def fresh_word(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


class Variables:
    """Values by name; what a scenario sets stays its own."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    def copy(self) -> Self:
        return type(self)(self._values)

    def set(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def get(self, name: str) -> Any:
        function, _, argument = name.partition(":")
        if argument and function in FUNCTIONS:
            return FUNCTIONS[function](str(self.get(argument)))
        try:
            return self._values[name]
        except KeyError:
            raise Undefined(f"undefined variable {name}") from None

    def fill(self, value: Any) -> Any:
        """Substitute ${...} everywhere in what a request is made of."""
        if isinstance(value, str):
            whole = VAR.fullmatch(value)
            if whole:
                return self.get(whole[1])
            return VAR.sub(lambda found: str(self.get(found[1])), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            if set(value) == {"$repeat", "times"}:
                return self.fill(value["$repeat"]) * value["times"]
            return {key: self.fill(item) for key, item in value.items()}
        return value


def _path(url: str) -> str:
    return urlsplit(url).path


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


FUNCTIONS = {"path": _path, "upper": str.upper, "b64": _base64}
