"""What the contract takes beyond what its document asks for, and what it refuses all the same.

The document says how to write a request well. Clients of the original write some of it otherwise
and are understood: numbers as text, digits for numbers, words for yes and no.
"""

import json
from typing import Any

from hypothesis import strategies as st

WORDS = "t T y Y yes YES true True TRUE on On ON 1 f F n N no NO false False FALSE off Off OFF 0"
FLAG = {"enum": [True, False, 1, 0, *WORDS.split()]}
DIGITS = {"enum": ["1", "7", "007"]}
JSON_TEXT = {"anyOf": [{"type": "string", "format": "json-text"}, {"type": "number"}]}
BLANK = {"maxLength": 0}

# Refusals of well-formed requests that no schema foretells, by how their texts begin.
BY_WHAT_IS_THERE = (
    "Invalid hyperlink - Object does not exist.",
    "A user with that username already exists.",
    "Pipeline '",
    "Output file is not 'OUTPUT' kind.",
    "Task ",
    # The link of a mail, and the cursor of a page, are not made up.
    "Invalid value",
    "Not a cursor of this list in this order.",
    # Nor is the address of a repository.
    "a module named ",
    "only https and ssh addresses are registered by a request",
    "cannot fetch ",
    "no machine is named ",
    "there is no home folder for ",
    "No machine is named ",
)
BY_TWO_FIELDS = (
    'Give "days" or "expires", not both.',
    "The password is too similar to the username.",
)
# Python knows more blanks than a pattern does, and cuts some control characters off before it minds
# the others; a number with a point is no name of a module.
BY_READING_IT_AS_TEXT = (
    "This field may not be blank.",
    "the repository's address is empty or holds control characters",
)
NOT_A_NAME = " cannot name a module"
BY_THE_CLOCK = ("Must be in the next ",)


def widen(schema: Any) -> None:
    """In place: a field of a body, or a part of one."""
    if "enum" in schema or schema.get("format") == "binary":
        return
    for part in schema.get("anyOf", ()):
        widen(part)
    if schema.get("format") == "json":
        schema.clear()
        schema.update(JSON_TEXT)
    kind = schema.get("type")
    if kind == "boolean":
        schema.clear()
        schema.update(FLAG)
    elif kind == "integer":
        whole = dict(schema)
        schema.clear()
        schema["anyOf"] = [whole, DIGITS]
    elif kind == "string" and not {"format", "anyOf"} & schema.keys():
        schema["type"] = ["string", "number"]


def widen_parameter(parameter: dict[str, Any]) -> None:
    """A blank parameter is as good as none."""
    schema = parameter["schema"]
    is_limited = schema.get("type") == "integer" or {"format", "enum"} & schema.keys()
    if parameter["in"] in ("query", "header") and is_limited:
        parameter["schema"] = {"anyOf": [schema, {"type": "string", **BLANK}]}
    items = schema.get("items", {})
    if "enum" in items:
        schema["items"] = {"anyOf": [items, {"type": "string", **BLANK}]}


def is_said_otherwise_in_a_form(failure: str, media_type: str | None, body: Any) -> bool:
    """A form has no empty list but the key that is left out; else it has nothing but texts.

    A blank one may mean that nothing was said.
    """
    is_form = media_type in ("application/x-www-form-urlencoded", "multipart/form-data")
    fields = body if isinstance(body, dict) else {}
    blanks = [f" at /properties/{name}" for name, value in fields.items() if value == ""]
    return is_form and any(
        text in failure
        for text in (
            "minItems",
            "modules: Incorrect type",
            "violates `type` at /properties/",
            "at /properties/tags",
            *blanks,
        )
    )


def is_told_by_no_schema(body: Any) -> bool:
    """Whether all that a refusal says has a reason above."""
    told = (*BY_WHAT_IS_THERE, *BY_TWO_FIELDS, *BY_READING_IT_AS_TEXT, *BY_THE_CLOCK)
    texts = [text for value in body.values() if isinstance(value, list) for text in value]
    return bool(texts) and all(text.startswith(told) or NOT_A_NAME in text for text in texts)


def json_texts() -> st.SearchStrategy[str]:
    words = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20)
    return st.recursive(
        words | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=8,
    ).map(json.dumps)
