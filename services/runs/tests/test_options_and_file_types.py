import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runs.arguments import options_for_job
from services.runs.filetypes import file_faults, takes
from shared.clients.modules import OptionView


def option(kind: str, **changes: Any) -> OptionView:
    described = {"name": "x", "type": kind, "required": True, **changes}
    return OptionView.model_validate(described)


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        ("int", 4, 4),
        ("int", "4", 4),
        ("int", " +4.0 ", 4),
        ("int", 1.0, 1),
        ("int", "12345678901234567890123", 12345678901234567890123),
        ("float", 1, 1.0),
        ("float", "0.5", 0.5),
        ("float", "1e-3", 0.001),
        ("bool", True, True),
        ("bool", "False", False),
        ("bool", 1, True),
        ("bool", "0", False),
        ("str", 5, "5"),
        ("str", " kept ", " kept "),
        ("enum", 3, "3"),
    ],
)
def test_what_converts_without_loss_is_converted(kind: str, given_value: Any, value: Any) -> None:
    described = option(kind, enum_values=["3", "red"])

    values, faults = options_for_job(json.dumps({"x": given_value}), [described])

    assert (values, faults) == ({"x": value}, [])
    assert type(values["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "given_value"),
    [
        ("int", "four"),
        ("int", 1.5),
        ("int", "1.5"),
        ("int", True),
        ("int", ""),
        ("float", "nan"),
        ("float", "1e999"),
        ("float", [1]),
        ("bool", "maybe"),
        ("bool", 2),
        ("str", True),
        ("str", {}),
        ("enum", "blue"),
    ],
)
def test_what_does_not_convert_is_a_fault(kind: str, given_value: Any) -> None:
    described = option(kind, enum_values=["3", "red"])

    values, faults = options_for_job(json.dumps({"x": given_value}), [described])

    assert (values, len(faults)) == ({}, 1)


def test_defaults_fill_in_and_an_option_without_any_value_stays_out() -> None:
    options = [
        option("int", name="a", default=7),
        option("int", name="b", default=7),
        option("str", name="c", required=False),
    ]

    assert options_for_job('{"b": 1}', options) == ({"a": 7, "b": 1}, [])


def test_every_fault_is_told_at_once() -> None:
    options = [option("int", name="a"), option("int", name="b")]

    assert options_for_job('{"a": "?", "z": 1}', options)[1] == [
        "Unknown option 'z'.",
        "Option 'a' does not take '?'.",
        "Option 'b' is required.",
    ]
    assert options_for_job("[]", options)[1] == ["Arguments are not an object."]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@given(json_values, st.sampled_from(["int", "float", "bool", "str", "enum"]))
def test_no_value_is_a_crash(value: Any, kind: str) -> None:
    values, faults = options_for_job(json.dumps({"x": value}), [option(kind, enum_values=["a"])])

    assert bool(values) != bool(faults)


@pytest.mark.parametrize(
    ("name", "types", "fits"),
    [
        ("a.txt", ["txt"], True),
        ("A.TXT", ["txt"], True),
        ("a.jpg", ["txt", "jpg"], True),
        ("a.jpg", ["txt"], False),
        ("atxt", ["txt"], False),
        ("a.tar.gz", ["tar.gz"], True),
        ("a.tar.gz", ["gz"], True),
        ("README", ["", "md"], True),
        ("a.txt", ["", "md"], False),
        ("anything.at.all", [""], True),
        ("anything", ["*"], True),
    ],
)
def test_a_file_fits_by_the_end_of_its_name(name: str, types: list[str], fits: bool) -> None:
    assert takes(name, types) is fits


def test_names_that_come_twice_are_told_once() -> None:
    assert file_faults(["a.txt", "a.txt", "a.txt"], ["txt"]) == ["Two files are named 'a.txt'."]
