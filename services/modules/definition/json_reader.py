"""JSON texts as nodes: the standard library's decoder, plus the positions that it throws away.

Collections are walked here and single values are left to `raw_decode`. Duplicate names: the last
one wins; NaN and Infinity are refused, as no other JSON reader takes them.
"""

import json
from typing import NoReturn

from services.modules.definition.faults import Place
from services.modules.definition.nodes import Budget, Mapping, Node, Sequence, Source, scalar

BLANKS = " \t\n\r"


def read_json(file: str, data: bytes) -> Node:
    """The one value in this file."""
    return _Reader(Source(file, data)).document()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._at = 0
        self._budget = Budget()
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)

    def document(self) -> Node:
        node = self._node(depth=1)
        self._skip_blanks()
        if self._at < len(self._text):
            raise self._refusal("expected the end of the file")
        return node

    def _node(self, depth: int) -> Node:
        self._skip_blanks()
        place = self._here()
        self._budget.spend(place, depth)
        if self._take("{"):
            return Mapping(place, self._entries(depth + 1))
        if self._take("["):
            return Sequence(place, self._items(depth + 1))
        return scalar(place, self._value())

    def _entries(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        if self._take("}"):
            return entries
        while True:
            self._skip_blanks()
            if not self._text.startswith('"', self._at):
                raise self._refusal("expected a name in double quotes")
            key = scalar(self._here(), self._value())
            if not self._take(":"):
                raise self._refusal("expected ':'")
            entries[str(key.value)] = self._node(depth)
            if self._take("}"):
                return entries
            if not self._take(","):
                raise self._refusal("expected ',' or '}'")

    def _items(self, depth: int) -> tuple[Node, ...]:
        if self._take("]"):
            return ()
        items = [self._node(depth)]
        while not self._take("]"):
            if not self._take(","):
                raise self._refusal("expected ',' or ']'")
            items.append(self._node(depth))
        return tuple(items)

    def _value(self) -> object:
        try:
            value, self._at = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = min(error.pos, len(self._text))
            raise self._refusal(error.msg[:1].lower() + error.msg[1:]) from None
        except ValueError:
            raise self._refusal("expected a number that JSON allows") from None
        return value

    def _take(self, character: str) -> bool:
        self._skip_blanks()
        found = self._text.startswith(character, self._at)
        self._at += found
        return found

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in BLANKS:
            self._at += 1

    def _here(self) -> Place:
        return self._source.place(self._at)

    def _refusal(self, message: str) -> Exception:
        return self._here().refusal(f"is not valid JSON: {message}")
