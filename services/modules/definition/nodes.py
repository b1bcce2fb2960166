"""Documents as trees that remember where each value stands, whatever language they were written in.

Both readers (YAML, JSON) make these, so that the rules are written once. The limits keep a small
file from becoming a large tree: aliases in YAML can repeat one subtree exponentially often.
"""

import bisect
from dataclasses import dataclass

from services.modules.definition.faults import Place

FILE_BYTES_MAX = 256 * 1024
DEPTH_MAX = 32
NODES_MAX = 50_000
INTEGER_BITS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: text, number, truth value, date or null."""

    place: Place
    value: object


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of values."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Values by name; of a name that is given twice, the last one."""

    place: Place
    entries: dict[str, "Node"]


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The node as the plain Python value that it stands for."""
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    return node.value


def scalar(place: Place, value: object) -> Scalar:
    """A scalar that can be stored and written again as JSON; anything else is refused here."""
    if isinstance(value, str) and not _is_storable(value):
        raise place.refusal("holds a character that cannot be stored: NUL or half a surrogate pair")
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
        raise place.refusal(f"a number has at most {INTEGER_BITS_MAX} bits")
    return Scalar(place, value)


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class Budget:
    """Counts the nodes of one file, against documents that unfold without end."""

    def __init__(self) -> None:
        self._left = NODES_MAX

    def spend(self, place: Place, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise place.refusal(f"unfolds to more than {NODES_MAX} values")
        if depth > DEPTH_MAX:
            raise place.refusal(f"is nested more than {DEPTH_MAX} levels deep")


class Source:
    """The text of one file, which knows the line and column of every position in it."""

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        if len(data) > FILE_BYTES_MAX:
            raise Place(file, 1, 1).refusal(f"is larger than {FILE_BYTES_MAX} bytes")
        self.text = _decoded(file, data)
        starts = [0]
        starts.extend(at + 1 for at, character in enumerate(self.text) if character == "\n")
        self._line_starts = starts

    def place(self, position: int) -> Place:
        line = bisect.bisect_right(self._line_starts, position)
        return Place(self.file, line, position - self._line_starts[line - 1] + 1)


def _decoded(file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The error counts in what was decoded, which leaves out a byte order mark.
        before = error.object[: error.start].decode("utf-8", errors="replace")
        place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise place.refusal("is not UTF-8: definitions are UTF-8 text") from None
