"""Options and output tags: the parts that both formats write alike.

An option's default always fits its type, so that whoever fills it in need not check again.
"""

from typing import get_args

from services.modules.definition.model import Option, OptionType, Tag, TagType, Value
from services.modules.definition.nodes import Node, Scalar, plain
from services.modules.definition.sections import Section, shown

OPTION_TYPES: tuple[OptionType, ...] = get_args(OptionType)
TAG_TYPES: tuple[TagType, ...] = get_args(TagType)
CASTS = {"str": str, "int": int, "float": float, "bool": bool}


def tags_of(section: Section, name: str) -> tuple[Tag, ...]:
    return tuple(
        Tag(name=tag.text("name"), type=tag.choice("type", TAG_TYPES) or "str")
        for tag in section.sections(name)
    )


def module_file_option(section: Section) -> Option:
    """An option as the newer format writes it: documented, and optional only with a default."""
    name = section.text("name")
    if section.has("name") and not name.isidentifier():
        section.note(
            "name", "expected a Python identifier: letters, digits and _, no leading digit"
        )
    kind = section.choice("type", OPTION_TYPES)
    doctxt = section.text("doctxt")
    required = section.flag("required")
    if not required and not section.has("default"):
        section.note("default", "is required: an option that is not required has a default")
    values = _enum_values(section, "enum_values", kind, (str,))
    default = _default(section, kind, values)
    return Option(name, kind or "str", doctxt, required, values, default)


def schema_pair_option(section: Section) -> Option:
    """An option as the older format writes it: often without text and without default."""
    kind = section.choice("type", OPTION_TYPES)
    values = _enum_values(section, "values", kind, (str, int, float, bool))
    return Option(
        name=section.text("name"),
        type=kind or "str",
        doctxt=section.text("doctxt", absent=""),
        required=section.flag("required"),
        enum_values=values,
        default=_default(section, kind, values),
    )


def _enum_values(
    section: Section, name: str, kind: OptionType | None, allowed: tuple[type, ...]
) -> tuple[Value, ...] | None:
    nodes = section.items(name)
    if kind == "enum" and not nodes:
        section.note(name, "is required for type enum: a list of texts")
    wrong = [number for number, node in enumerate(nodes) if type(plain(node)) not in allowed]
    for number in wrong:
        path = section.path_of(f"{name}[{number}]")
        message = f"expected a text (numbers in quotes), found {shown(nodes[number])}"
        section.report.note(nodes[number].place, path, message)
    if wrong or not section.has(name):
        return None
    return tuple(value for node in nodes if isinstance(value := plain(node), str | int | float))


def _default(
    section: Section, kind: OptionType | None, values: tuple[Value, ...] | None
) -> Value | None:
    if kind is None or not section.has("default"):
        return None
    value = _cast(section, kind, section.entries["default"])
    if value is not None and values is not None and value not in values:
        allowed = ", ".join(map(repr, values)) or "no values"
        section.note("default", f"expected one of {allowed}, found {value!r}")
    return value


def _cast(section: Section, kind: OptionType, node: Node) -> Value | None:
    value = plain(node)
    if kind == "enum":
        if isinstance(node, Scalar) and isinstance(value, str | int | float):
            return value
        section.note("default", f"expected one of the values of the option, found {shown(node)}")
        return None
    try:
        cast: Value = CASTS[kind](value)
    except (TypeError, ValueError, OverflowError):
        section.note("default", f"expected a value of type {kind}, found {shown(node)}")
        return None
    return cast
