"""YAML texts as nodes: YAML 1.1 with the meaning of PyYAML's SafeLoader, and nothing beyond it.

The composer gives the positions; values are made one scalar at a time by the safe constructor, so
no tag can make an object, and collections never pass through it.
"""

import yaml

from services.modules.definition.faults import Place
from services.modules.definition.nodes import (
    DEPTH_MAX,
    INTEGER_BITS_MAX,
    Budget,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    scalar,
)

MERGE_TAG = "tag:yaml.org,2002:merge"
INTEGER_TAG = "tag:yaml.org,2002:int"
# Enough for any that is short enough, in any notation and with signs between its digits.
INTEGER_CHARACTERS_MAX = 4 * INTEGER_BITS_MAX
COLLECTION_TAGS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
# What the scanner and the safe constructor raise, besides their own errors, for scalars that
# are malformed: dates out of range, endless numbers, `!!bool maybe`, escapes beyond Unicode.
SCALAR_ERRORS = (ValueError, OverflowError, KeyError, IndexError, AttributeError, TypeError)


class _Composer(yaml.SafeLoader):
    """A composer that gives up before a deeply nested text exhausts the stack."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            problem = f"is nested more than {DEPTH_MAX} levels deep"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self._depth -= 1


def read_yaml(file: str, data: bytes) -> Node:
    """The single document in this file; an empty file is a null."""
    source = Source(file, data)
    try:
        loader = _Composer(source.text)
    except yaml.reader.ReaderError as error:
        raise _unprintable(source, error) from None
    root = _compose(source, loader)
    if root is None:
        return Scalar(Place(file, 1, 1), None)
    return _Converter(file, loader).convert(root, depth=1)


def _compose(source: Source, loader: _Composer) -> yaml.Node | None:
    try:
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        raise _unprintable(source, error) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        texts = [text for text in (error.context, error.problem) if text]
        message = f"is not valid YAML: {', '.join(texts)}"
        raise Place(source.file, line, column).refusal(message) from None
    except SCALAR_ERRORS:
        place = Place(source.file, loader.line + 1, loader.column + 1)
        raise place.refusal("is not valid YAML: the text here cannot be read") from None


def _unprintable(source: Source, error: yaml.reader.ReaderError) -> Exception:
    place = source.place(error.position)
    # The reader gives the character as a number, although its stubs say text.
    character = f"U+{int(error.character):04X}"
    return place.refusal(f"is not valid YAML: the character {character} is not allowed")


class _Converter:
    """Turns composed nodes into ours; every alias is unfolded, within the budget."""

    def __init__(self, file: str, loader: _Composer) -> None:
        self._file = file
        self._loader = loader
        self._budget = Budget()

    def convert(self, node: yaml.Node, depth: int) -> Node:
        place = self._place(node)
        self._budget.spend(place, depth)
        if isinstance(node, yaml.ScalarNode):
            return scalar(place, self._value(node, place))
        if node.tag not in COLLECTION_TAGS:
            raise place.refusal(f"the tag {node.tag!r} is not allowed")
        if isinstance(node, yaml.SequenceNode):
            return Sequence(place, tuple(self.convert(item, depth + 1) for item in node.value))
        return self._mapping(node, place, depth)

    def _mapping(self, node: yaml.Node, place: Place, depth: int) -> Mapping:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE_TAG:
                merged = self._merged(self.convert(value_node, depth + 1)) | merged
                continue
            key = self.convert(key_node, depth + 1)
            if not isinstance(key, Scalar):
                raise key.place.refusal("a key is a text, not a list or a mapping")
            value = self.convert(value_node, depth + 1)
            # Keys that are no texts (1, true, a date) name no field that we know.
            if isinstance(key.value, str):
                own[key.value] = value
        return Mapping(place, merged | own)

    def _merged(self, value: Node) -> dict[str, Node]:
        sources = value.items if isinstance(value, Sequence) else (value,)
        entries: dict[str, Node] = {}
        for each in sources:
            if not isinstance(each, Mapping):
                raise each.place.refusal("<< takes a mapping or a list of mappings")
            entries = each.entries | entries
        return entries

    def _value(self, node: yaml.ScalarNode, place: Place) -> object:
        if node.tag == INTEGER_TAG and len(node.value) > INTEGER_CHARACTERS_MAX:
            # To the base of 60 such a number takes many seconds to read.
            raise place.refusal(f"a number has at most {INTEGER_BITS_MAX} bits")
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, *SCALAR_ERRORS):
            kind = node.tag.rpartition(":")[2]
            raise place.refusal(f"cannot be read as a value of type {kind!r}") from None

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
