"""Reading named fields out of a mapping, noting what is wrong and going on.

Each method answers a harmless value when it notes a fault: the value is never used, because a
report with faults ends in a refusal. Conversions are those of the library that module authors
test with: numbers become texts, "yes" is true, a list of pairs is a mapping.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from services.modules.definition.faults import DOCUMENT, Place, Report
from services.modules.definition.nodes import Mapping, Node, Scalar, Sequence, plain

TRUE_WORDS = frozenset({"1", "on", "t", "true", "y", "yes"})
FALSE_WORDS = frozenset({"0", "off", "f", "false", "n", "no"})
SHOWN_CHARACTERS_MAX = 40
NUMBER_DIGITS_MAX = 18

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=str)


def shown(node: Node) -> str:
    """The value as a fault quotes it: short, and harmless on a terminal."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if node.value is None:
        return "nothing"
    text = json.dumps(node.value, default=str)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."


def as_text(node: Node) -> str | None:
    """Texts, and numbers and truth values as texts; None for everything else."""
    if isinstance(node, Scalar) and isinstance(node.value, str | int | float):
        return str(node.value)
    return None


def as_flag(node: Node) -> bool | None:
    """A truth value in any of its spellings; None for everything else."""
    if not isinstance(node, Scalar):
        return None
    if isinstance(node.value, int | float) and node.value in (0, 1):
        return bool(node.value)
    word = node.value.lower() if isinstance(node.value, str) else ""
    return word in TRUE_WORDS if word in TRUE_WORDS | FALSE_WORDS else None


def as_number(node: Node) -> int | None:
    """A whole number, also as a text; None for everything else."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool):
        return None
    text = str(node.value) if isinstance(node.value, int | str) else ""
    is_written = text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX
    return int(text) if is_written else None


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a definition, and the path that leads to it."""

    entries: dict[str, Node]
    place: Place
    path: str
    report: Report

    @classmethod
    def of(cls, node: Node, path: str, report: Report) -> "Section | None":
        """The node as a section; anything that is no mapping is a fault."""
        entries = _entries(node)
        if entries is None:
            message = f"expected a mapping of names to values, found {shown(node)}"
            report.note(node.place, path or DOCUMENT, message)
            return None
        return cls(entries, node.place, path, report)

    def path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def note(self, name: str, message: str) -> None:
        """A fault of this field, at its value or, where it has none, at the section."""
        node = self.entries.get(name)
        self.report.note(node.place if node else self.place, self.path_of(name), message)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        node = self.entries.get(name)
        return node is not None and not (isinstance(node, Scalar) and node.value is None)

    def text(self, name: str, *, absent: str | None = None) -> str:
        """A text; `absent` is the value of a missing or null field, which must exist without it."""
        if absent is not None and not self.has(name):
            return absent
        return self._read(name, as_text, "a text") or ""

    def flag(self, name: str) -> bool:
        return self._read(name, as_flag, "true or false") or False

    def number(self, name: str, *, at_most: int) -> int | None:
        """A whole number from 1 on; None is the value of a missing or null field."""

        def within(node: Node) -> int | None:
            number = as_number(node)
            return number if number is not None and 1 <= number <= at_most else None

        if not self.has(name):
            return None
        return self._read(name, within, f"a whole number, 1 to {at_most}")

    def choice(self, name: str, allowed: tuple[Choice, ...]) -> Choice | None:
        def one_of(node: Node) -> Choice | None:
            return next((each for each in allowed if plain(node) == each), None)

        return self._read(name, one_of, f"one of {', '.join(allowed)}")

    def items(self, name: str) -> tuple[Node, ...]:
        """A list; missing and null are an empty one."""
        if not self.has(name):
            return ()
        node = self.entries[name]
        if isinstance(node, Sequence):
            return node.items
        self.note(name, f"expected a list, found {shown(node)}")
        return ()

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._texts(name))

    def sections(self, name: str) -> "tuple[Section, ...]":
        """A list of mappings; items that are none are faults and left out."""
        # Authors' library takes whatever is empty or false for an empty list of these.
        if not self.has(name) or not plain(self.entries[name]):
            return ()
        found = [
            Section.of(item, f"{self.path_of(name)}[{number}]", self.report)
            for number, item in enumerate(self.items(name))
        ]
        return tuple(section for section in found if section is not None)

    def _texts(self, name: str) -> Iterator[str]:
        for number, item in enumerate(self.items(name)):
            text = as_text(item)
            if text is None:
                path = f"{self.path_of(name)}[{number}]"
                self.report.note(item.place, path, f"expected a text, found {shown(item)}")
            else:
                yield text

    def _read(self, name: str, read: Callable[[Node], Value | None], allowed: str) -> Value | None:
        node = self.entries.get(name)
        if node is None:
            self.note(name, f"is required: {allowed}")
            return None
        value = read(node)
        if value is None:
            self.note(name, f"expected {allowed}, found {shown(node)}")
        return value


def _entries(node: Node) -> dict[str, Node] | None:
    if isinstance(node, Mapping):
        return node.entries
    if not isinstance(node, Sequence):
        return None
    entries: dict[str, Node] = {}
    for item in node.items:
        if not isinstance(item, Sequence) or len(item.items) != 2:
            return None
        entries[str(plain(item.items[0]))] = item.items[1]
    return entries
