"""Options and output tags: the parts that both formats write alike.

An option's default always fits its type, so that whoever fills it in need not check again.
"""

from collections.abc import Callable
from typing import Any, get_args

from services.modules.definition.model import Option, OptionType, Tag, TagType, Value
from services.modules.definition.nodes import Node, plain
from services.modules.definition.sections import Section, as_text, shown

OPTION_TYPES: tuple[OptionType, ...] = get_args(OptionType)
TAG_TYPES: tuple[TagType, ...] = get_args(TagType)
# How the values of an enum are read; None is for what is no text.
ReadText = Callable[[Node], str | None]
CASTS: dict[str, Callable[[Any], Value]] = {"str": str, "int": int, "float": float, "bool": bool}


def tags_of(section: Section, name: str) -> tuple[Tag, ...]:
    return tuple(
        Tag(name=tag.text("name"), type=tag.choice("type", TAG_TYPES) or "str")
        for tag in section.sections(name)
    )


def module_file_option(section: Section) -> Option:
    """An option as the newer format writes it: documented, and optional only with a default."""
    name = section.text("name")
    if section.has("name") and not name.isidentifier():
        section.note("name", "expected a Python identifier: letters, digits, _; no digit first")
    kind = section.choice("type", OPTION_TYPES)
    doctxt = section.text("doctxt")
    required = section.flag("required")
    if not required and not section.has("default"):
        section.note("default", "is required: an option that is not required has a default")
    values = _enum_values(section, "enum_values", kind, _as_written_text)
    default = _default(section, kind, values, _as_written_text)
    return Option(name, kind or "str", doctxt, required, values, default)


def schema_pair_option(section: Section) -> Option:
    """An option as the older format writes it: often without text and without default."""
    kind = section.choice("type", OPTION_TYPES)
    values = _enum_values(section, "values", kind, as_text)
    return Option(
        name=section.text("name"),
        type=kind or "str",
        doctxt=section.text("doctxt", absent=""),
        required=section.flag("required"),
        enum_values=values,
        default=_default(section, kind, values, as_text),
    )


def _as_written_text(node: Node) -> str | None:
    """Texts only: the newer format makes its authors put numbers in quotes."""
    value = plain(node)
    return value if isinstance(value, str) else None


def _enum_values(
    section: Section, name: str, kind: OptionType | None, read: ReadText
) -> tuple[str, ...] | None:
    nodes = section.items(name)
    if kind == "enum" and not nodes:
        section.note(name, "is required for type enum: a list of texts")
    texts = [read(node) for node in nodes]
    for number, text in enumerate(texts):
        if text is None:
            path = section.path_of(f"{name}[{number}]")
            message = f"expected a text (numbers in quotes), found {shown(nodes[number])}"
            section.report.note(nodes[number].place, path, message)
    if None in texts or not section.has(name):
        return None
    return tuple(text for text in texts if text is not None)


def _default(
    section: Section,
    kind: OptionType | None,
    values: tuple[str, ...] | None,
    read: ReadText,
) -> Value | None:
    if kind is None or not section.has("default"):
        return None
    node = section.entries["default"]
    value = read(node) if kind == "enum" else _cast(section, kind, node)
    if values is not None and value not in values:
        allowed = ", ".join(map(repr, values)) or "no value, as there are none"
        section.note("default", f"expected one of {allowed}; found {shown(node)}")
    return value


def _cast(section: Section, kind: OptionType, node: Node) -> Value | None:
    try:
        return CASTS[kind](plain(node))
    except (TypeError, ValueError, OverflowError):
        section.note("default", f"expected a value of type {kind}, found {shown(node)}")
        return None
