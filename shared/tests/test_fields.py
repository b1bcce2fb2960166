import math
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bodies import Body, Submission
from shared.errors import InvalidFields
from shared.fields import Choice, Field, Flag, JsonText, Link, Links, Number, Text

MISSING = object()


def reading(field: Field, value: Any) -> Any:
    """What a JSON body with this value becomes: the value, or the list of texts against it."""

    class One(Body):
        it: Annotated[Any, field] = MISSING

    try:
        return One.model_validate({"it": value}).it
    except ValueError as error:
        [fault] = error.errors()  # type: ignore[attr-defined]
        return fault["ctx"]["texts"]


@pytest.mark.parametrize(
    ("field", "given_value", "expected"),
    [
        (Text(), "  padded \n", "padded"),
        (Text(), 12, "12"),
        (Text(), 0.5, "0.5"),
        (Text(trim=False), " kept ", " kept "),
        (Text(blank=True), "   ", ""),
        (Text(nullable=True), None, None),
        (Text(longest=3), " üñ😀 ", "üñ😀"),
        (Text(), "a\x01\x1fb\x7f", "a\x01\x1fb\x7f"),
        (Choice(options=("A", "B")), "B", "B"),
        (Flag(), True, True),
        (Flag(), 1, True),
        (Flag(), "on", True),
        (Flag(), "TRUE", True),
        (Flag(), 0.0, False),
        (Flag(), "off", False),
        (JsonText(), '{"a":1,"b":[2]}', '{"a": 1, "b": [2]}'),
        (JsonText(), '{"a": 1, "a": 2}', '{"a": 2}'),
        (JsonText(), '"ü"', '"\\u00fc"'),
        (JsonText(), "1e3", "1000.0"),
        (JsonText(), '"\\ud800"', '"\\ud800"'),
        (JsonText(), 5, "5"),
        (JsonText(), "null", "null"),
        (Link(to="files"), "/api/v1/files/7/", 7),
        (Link(to="files", nullable=True), None, None),
        (Link(to="files", nullable=True), "", None),
        (Links(to="files"), [], []),
        (Links(to="files"), ["/api/v1/files/7/", "/api/v1/files/3/", "/api/v1/files/7/"], [3, 7]),
        (Number(), "12", 12),
        (Number(), 0, 0),
    ],
)
def test_a_value_is_read_as_the_contract_reads_it(
    field: Field, given_value: Any, expected: Any
) -> None:
    read = reading(field, given_value)
    assert (read, type(read)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "given_value", "text"),
    [
        (Text(), None, "This field may not be null."),
        (Text(), " ", "This field may not be blank."),
        (Text(), True, "Not a valid string."),
        (Text(), ["a"], "Not a valid string."),
        (Text(), {}, "Not a valid string."),
        (Text(), "\ud800", "Not a valid string."),
        (Text(), "a\0b", "Null characters are not allowed."),
        (Text(longest=2), "abc", "Ensure this field has no more than 2 characters."),
        (Choice(options=("A",)), "a", '"a" is not a valid choice.'),
        (Choice(options=("A",)), "", '"" is not a valid choice.'),
        (Choice(options=("A",)), None, "This field may not be null."),
        (Flag(), "maybe", "Must be a valid boolean."),
        (Flag(), 2, "Must be a valid boolean."),
        (Flag(), [True], "Must be a valid boolean."),
        (Flag(), {}, "Must be a valid boolean."),
        (Flag(), None, "This field may not be null."),
        (JsonText(), "{", "Not a valid JSON text."),
        (JsonText(), "NaN", "Not a valid JSON text."),
        (JsonText(), "[1e999]", "Not a valid JSON text."),
        (JsonText(), "[" * 100_000, "Not a valid JSON text."),
        (JsonText(), "9" * 5000, "Not a valid JSON text."),
        (JsonText(not_json="Unable to decode."), "x", "Unable to decode."),
        (JsonText(), {"a": 1}, "Not a valid string."),
        (JsonText(), "", "This field may not be blank."),
        (Link(to="files"), None, "This field may not be null."),
        (Link(to="files"), "", "This field may not be null."),
        (Link(to="files", null_text="No."), "", "No."),
        (Link(to="files"), 1, "Incorrect type. Expected URL string, received int."),
        (Link(to="files"), 1.5, "Incorrect type. Expected URL string, received float."),
        (Link(to="files"), False, "Incorrect type. Expected URL string, received bool."),
        (Link(to="files"), {}, "Incorrect type. Expected URL string, received dict."),
        (Link(to="files"), [], "Incorrect type. Expected URL string, received list."),
        (Links(to="files"), "x", 'Expected a list of items but got type "str".'),
        (Links(to="files"), None, "This field may not be null."),
        (Links(to="files"), [None], "Incorrect type. Expected URL string, received NoneType."),
        (Number(), -1, "A valid integer is required."),
        (Number(), True, "A valid integer is required."),
        (Number(), 2**63, "A valid integer is required."),
    ],
)
def test_a_wrong_value_is_refused_in_the_contracts_words(
    field: Field, given_value: Any, text: str
) -> None:
    assert reading(field, given_value) == [text]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Text(), ["This field may not be blank."]),
        (Text(blank=True), ""),
        (Choice(options=("A",)), MISSING),
        (JsonText(), MISSING),
        (Flag(blank_form_is_absent=True), MISSING),
        (Link(to="files", nullable=True), None),
        (Link(to="files"), ["This field may not be null."]),
    ],
)
def test_a_blank_value_in_a_form_means_what_the_field_says(field: Field, expected: Any) -> None:
    class One(Body):
        it: Annotated[Any, field] = MISSING

    try:
        read = Submission(form=[("it", "")]).into(One).it
    except InvalidFields as refusal:
        read = refusal.faults["it"]
    assert read is expected or read == expected


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
FIELDS = (
    Text(),
    Choice(options=("A", "B")),
    Flag(),
    JsonText(),
    Link(to="files"),
    Links(to="files"),
    Number(),
)


@given(st.sampled_from(FIELDS), ANYTHING)
def test_no_value_is_too_strange_for_a_verdict(field: Field, value: Any) -> None:
    read = reading(field, value)
    assert not isinstance(read, float) or math.isfinite(read)


@given(st.sampled_from(FIELDS))
def test_every_field_describes_itself_for_the_api_document(field: Field) -> None:
    class One(Body):
        it: Annotated[Any, field]

    assert "type" in One.model_json_schema()["properties"]["it"]
