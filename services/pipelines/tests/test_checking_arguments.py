import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipelines.arguments import convert, find_faults
from shared.clients.modules import OptionView

# Lone surrogates too: JSON escapes let them through.
TEXTS = st.text(st.characters(exclude_categories=()))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=5,
)
TYPES = ("str", "int", "float", "bool", "enum")


def option(kind: str, name: str = "it", **more: Any) -> OptionView:
    values = ["red", "2"] if kind == "enum" else None
    required = more.pop("required", False)
    return OptionView(name=name, type=kind, required=required, enum_values=values, **more)


@pytest.mark.parametrize(
    ("kind", "given_value", "expected"),
    [
        ("str", "x", "x"),
        ("str", "", ""),
        ("str", 4, "4"),
        ("str", 0.5, "0.5"),
        ("int", 4, 4),
        ("int", "4", 4),
        ("int", " -4 ", -4),
        ("int", 4.0, 4),
        ("int", "4.0", 4),
        ("int", 1e300, int(1e300)),
        ("float", 1, 1.0),
        ("float", "0.5", 0.5),
        ("float", ".5", 0.5),
        ("float", "1e-3", 0.001),
        ("bool", True, True),
        ("bool", 0, False),
        ("bool", 1.0, True),
        ("bool", "true", True),
        ("bool", "False", False),
        ("enum", "red", "red"),
        ("enum", 2, "2"),
    ],
)
def test_what_converts_without_loss_is_converted(
    kind: str, given_value: Any, expected: Any
) -> None:
    converted = convert(option(kind), given_value)
    assert (converted, type(converted)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "given_value", "text"),
    [
        ("str", True, "Option it: expected a text, not true."),
        ("str", None, "Option it: expected a text, not null."),
        ("str", "\ud800", 'Option it: expected a text, not "\\ud800".'),
        ("str", ["x"], "Option it: expected a text, not a list."),
        ("int", 1.5, "Option it: expected a whole number, not 1.5."),
        ("int", "1_000", 'Option it: expected a whole number, not "1_000".'),
        ("int", "٣", 'Option it: expected a whole number, not "٣".'),
        ("int", "", 'Option it: expected a whole number, not "".'),
        ("int", True, "Option it: expected a whole number, not true."),
        ("float", "abc", 'Option it: expected a number, not "abc".'),
        ("float", "nan", 'Option it: expected a number, not "nan".'),
        ("float", "1e999", 'Option it: expected a number, not "1e999".'),
        ("float", False, "Option it: expected a number, not false."),
        ("float", {}, "Option it: expected a number, not an object."),
        ("bool", 2, "Option it: expected true or false, not 2."),
        ("bool", "yes?", 'Option it: expected true or false, not "yes?".'),
        ("enum", "pink", 'Option it: expected one of red, 2, not "pink".'),
        ("enum", True, "Option it: expected one of red, 2, not true."),
    ],
)
def test_what_does_not_convert_is_named_with_what_was_expected(
    kind: str, given_value: Any, text: str
) -> None:
    assert find_faults(json.dumps({"it": given_value}), [option(kind)]) == [text]


@pytest.mark.parametrize("text", ["[1]", "5", '"x"', "null", "true"])
def test_arguments_are_an_object(text: str) -> None:
    [fault] = find_faults(text, [])
    assert "object" in fault


def test_every_fault_is_told_at_once() -> None:
    options = [
        option("str", "text", required=True),
        option("float", "number"),
        option("enum", "choice", required=True),
    ]
    faults = find_faults('{"unknown": [1, null], "number": "x", "choice": "pink"}', options)
    assert faults == [
        'Unknown option: "unknown".',
        "Option text is required.",
        'Option number: expected a number, not "x".',
        'Option choice: expected one of red, 2, not "pink".',
    ]


def test_a_required_option_with_a_default_may_be_left_out() -> None:
    assert find_faults("{}", [option("int", required=True, default=3)]) == []
    assert find_faults("{}", [option("bool", required=True, default=False)]) == []


def test_a_long_value_is_shown_in_part() -> None:
    [fault] = find_faults(json.dumps({"it": "x" * 100_000}), [option("int")])
    assert len(fault) < 120


@given(st.sampled_from(TYPES), JSON_VALUES)
def test_no_value_is_too_strange_to_be_judged(kind: str, value: Any) -> None:
    faults = find_faults(json.dumps({"it": value}), [option(kind)])
    assert len(faults) <= 1
    "".join(faults).encode()


@given(st.dictionaries(TEXTS, JSON_VALUES))
def test_every_name_that_is_no_option_is_one_fault(arguments: dict[str, Any]) -> None:
    faults = find_faults(json.dumps(arguments), [])
    assert len(faults) == len(arguments)
    "".join(faults).encode()


@given(st.integers(min_value=-(10**300), max_value=10**300))
def test_a_whole_number_survives_as_text_and_as_number(number: int) -> None:
    assert convert(option("int"), number) == convert(option("int"), str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_as_text_and_as_number(number: float) -> None:
    assert convert(option("float"), number) == convert(option("float"), repr(number)) == number


@given(st.sampled_from(TYPES), JSON_VALUES)
def test_a_converted_value_converts_to_itself(kind: str, value: Any) -> None:
    try:
        once = convert(option(kind), value)
    except ValueError:
        return
    assert convert(option(kind), once) == once
    assert not isinstance(once, float) or math.isfinite(once)
