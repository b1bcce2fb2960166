"""What lists understand in the query string: filters by id and by choice, and `?fields=`.

A repeated parameter counts by its last value, a blank one not at all, an unknown one is ignored.
"""

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams

from shared.errors import InvalidFields
from shared.hyperlinks import ID_MAX

NOT_A_CHOICE = "Select a valid choice. That choice is not one of the available choices."


def ids_wanted(query: QueryParams, name: str) -> list[int] | None:
    """`?name=1,2,3` as ids, None when not asked for. Ids that cannot exist are dropped."""
    text = query.get(name)
    if not text:
        return None
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 100 for part in parts):
        raise InvalidFields.of_field(name, NOT_A_CHOICE)
    return [number for number in map(int, parts) if number <= ID_MAX]


def not_a_choice(text: str) -> str:
    return f"Select a valid choice. {text} is not one of the available choices."


def fields_wanted(query: QueryParams, known: Sequence[str]) -> frozenset[str]:
    """`?fields=id,owner` narrows every item; without a name in it, all known fields."""
    wanted = frozenset(query.get("fields", "").split(",")) - {""}
    unknown = sorted(wanted - set(known))
    if unknown:
        raise InvalidFields.of_field("fields", f"Unknown field: {unknown[0]}.")
    return wanted or frozenset(known)


def narrowed(item: dict[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    if len(wanted) >= len(item):
        return item  # Names are known ones, so all of them are wanted.
    return {name: value for name, value in item.items() if name in wanted}
