"""Compares an answer with a template, and says in short sentences where they differ.

Objects must have the same keys, unless more are allowed; lists keep their order, unless a step says
otherwise. The placeholders are those of the README.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from contract.variables import VAR, Variables

API = "/api/v1"
MEDIA = "/media/files/${slug}/"
MEDIA_NAME = re.compile(r"(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+", re.ASCII)
SET_HEADERS = {"access-control-allow-methods", "access-control-expose-headers"}
# Compared only with the template "${any}": must be there.
IGNORED_HEADERS = {"allow", "vary", "x-frame-options", "link", "content-length"}

# Placeholders that may stand inside a longer string.
CLASSES = {
    "any": r"(?s:.*)",
    "str": r"(?s:.*)",
    "slug": r"[A-Za-z0-9._~-]+",
    "digits": r"[0-9]+",
    "datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z",
    "token": r"[A-Za-z0-9._~+/=-]{20,}",
}


def short(value: Any, width: int = 110) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", "\\n")
    return text if len(text) <= width else text[: width - 3] + "..."


@dataclass(frozen=True)
class Matcher:
    """Templates against values; `extra_ok` allows objects more keys than expected."""

    variables: Variables
    extra_ok: bool = False

    def text(self, template: str, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if re.fullmatch(self._pattern(template), value):
            return True
        return MEDIA in template and self._media(template, value)

    def diff(
        self, template: Any, value: Any, path: str = "", *, unordered: bool = False
    ) -> list[str]:
        """Short texts, none when the value fits the template."""
        if template == "${any}":
            return []
        if isinstance(template, str):
            is_fit = self._fits(template, value)
        elif isinstance(template, dict) and isinstance(value, dict):
            return self._object(template, value, path, unordered=unordered)
        elif isinstance(template, list) and isinstance(value, list):
            return self._list(template, value, path, unordered=unordered)
        else:
            is_fit = type(template) is type(value) and template == value
        return (
            [] if is_fit else [f"{path or 'body'}: expected {short(template)} got {short(value)}"]
        )

    def header(self, name: str, template: str | None, value: str | None, *, is_json: bool) -> bool:
        name = name.lower()
        if template == "${any}":
            return bool(value)
        if name in IGNORED_HEADERS or (name == "content-encoding" and is_json):
            return True
        if name == "access-control-expose-headers" and self.extra_ok:
            return True
        if template is None or value is None:
            return template is None and value is None
        return self._header_value(name, template, value)

    def _header_value(self, name: str, template: str, value: str) -> bool:
        if name == "access-control-allow-headers":
            return _items(self.variables.fill(template)) <= _items(value)
        if name in SET_HEADERS:
            return _items(self.variables.fill(template)) == _items(value)
        if name == "access-control-max-age":
            return value.isdecimal() and int(value) > 0
        if name == "content-type":
            return _media_type(template) == _media_type(value)
        if name == "location":
            base = self.variables.get("base")
            forms = (value, base + value, value.removeprefix(base))
            return any(self.text(template, form) for form in forms)
        return self.text(template, value)

    def _class_of(self, name: str) -> str | None:
        """Regular expression of a placeholder, or None when it is a variable."""
        if name.startswith("url:"):
            base = re.escape(self.variables.get("base"))
            return rf"{base}{API}/{re.escape(name[4:])}/[0-9]+/"
        return CLASSES.get(name)

    def _pattern(self, template: str) -> str:
        pattern, at = "", 0
        for found in VAR.finditer(template):
            known = self._class_of(found[1])
            value = known if known is not None else re.escape(str(self.variables.get(found[1])))
            pattern += re.escape(template[at : found.start()]) + value
            at = found.end()
        return pattern + re.escape(template[at:])

    def _media(self, template: str, value: str) -> bool:
        """The file name may be percent-encoded in any valid way."""
        front, name = template.split(MEDIA, 1)
        found = re.match(self._pattern(front + MEDIA), value)
        rest = value[found.end() :] if found else ""
        is_encoded = MEDIA_NAME.fullmatch(rest) is not None
        return is_encoded and bool(re.fullmatch(self._pattern(unquote(name)), unquote(rest)))

    def _fits(self, template: str, value: Any) -> bool:
        if template in ("${int}", "${id}"):
            return type(value) is int and (template == "${int}" or value > 0)
        whole = VAR.fullmatch(template)
        if whole and self._class_of(whole[1]) is None:
            wanted = self.variables.get(whole[1])
            return type(wanted) is type(value) and bool(wanted == value)
        return self.text(template, value)

    def _object(
        self, template: dict[str, Any], value: dict[str, Any], path: str, *, unordered: bool
    ) -> list[str]:
        faults = []
        missing = [key for key in template if key not in value]
        extra = [key for key in value if key not in template]
        if missing:
            faults.append(f"{path or 'body'}: missing {', '.join(missing)}")
        if extra and not self.extra_ok:
            shown = ", ".join(f"{key}={short(value[key], 50)}" for key in extra)
            faults.append(f"{path or 'body'}: unexpected {shown}")
        for key in template.keys() & value.keys():
            below = f"{path}.{key}" if path else key
            faults += self.diff(template[key], value[key], below, unordered=unordered)
        return faults

    def _list(
        self, template: list[Any], value: list[Any], path: str, *, unordered: bool
    ) -> list[str]:
        if len(template) != len(value):
            counts = f"expected {len(template)} items got {len(value)}"
            return [f"{path or 'body'}: {counts}: {short(value)}"]
        if unordered:
            return self._bag(template, value, path)
        faults = []
        for at, (wanted, got) in enumerate(zip(template, value, strict=True)):
            faults += self.diff(wanted, got, f"{path}[{at}]")
        return faults

    def _bag(self, template: Sequence[Any], value: Sequence[Any], path: str) -> list[str]:
        """Give every template an item of its own; one placed before may have to move."""
        owner: dict[int, int] = {}

        def place(at: int, seen: set[int]) -> bool:
            for item, got in enumerate(value):
                if item in seen or self.diff(template[at], got, path, unordered=True):
                    continue
                seen.add(item)
                if item not in owner or place(owner[item], seen):
                    owner[item] = at
                    return True
            return False

        for at, wanted in enumerate(template):
            if not place(at, set()):
                return [f"{path or 'body'}: no item fits {short(wanted)} in {short(value)}"]
        return []


def _items(text: str) -> set[str]:
    return {part.strip().lower() for part in text.split(",") if part.strip()}


def _media_type(text: str) -> str:
    return text.split(";")[0].strip().lower()
