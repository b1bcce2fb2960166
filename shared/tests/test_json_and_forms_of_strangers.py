"""What strangers write means what it always meant, and costs in proportion to its size."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import foreign_json
from shared.errors import BadRequest
from shared.foreign_json import DEPTH_MAX
from shared.forms import SLICE_BYTES, parse_form

MEBIBYTE = 1024 * 1024
FORM = "from shared.forms import parse_form; parse_form({}, fields_max=1000)"
JSON = (
    "from shared import foreign_json\ntry: foreign_json.parse({}.decode())\nexcept ValueError: pass"
)
# Times a body's own size; an object for every two bytes takes forty.
GROWTH_MAX = 8

PEAK = """
import resource
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
{}
before = peak()
{}
print(peak() - before)
"""


@given(st.binary() | st.text(alphabet="%+=&;a0F\n\r é").map(str.encode))
def test_a_form_means_what_the_standard_library_says(raw: bytes) -> None:
    # Bytes that are no text are replaced together with the escapes beside them, not before.
    if raw.isascii():
        expected = parse_qsl(raw.decode(), keep_blank_values=True)
        assert parse_form(raw, fields_max=10_000) == expected


@given(st.integers(0, 9))
def test_no_escape_is_lost_where_a_long_form_is_cut(offset: int) -> None:
    raw = b"a=" + b"x" * (SLICE_BYTES - offset) + b"%C3%A9" * SLICE_BYTES
    assert parse_form(raw, fields_max=1) == parse_qsl(raw.decode())


@given(st.lists(st.tuples(st.text(), st.text())))
def test_what_is_written_as_a_form_is_read_again(pairs: list[tuple[str, str]]) -> None:
    encodable = [(k, v) for k, v in pairs if (k or v) and (k + v).isprintable()]
    assert parse_form(urlencode(encodable).encode(), fields_max=10_000) == encodable


def test_a_form_of_too_many_fields_is_refused_before_any_is_read() -> None:
    assert len(parse_form(b"&".join([b"a"] * 1000), fields_max=1000)) == 1000
    with pytest.raises(BadRequest):
        parse_form(b"&".join([b"a"] * 1001), fields_max=1000)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_means_what_the_standard_library_says(value: Any) -> None:
    text = json.dumps(value)
    if "Infinity" not in text:
        assert foreign_json.parse(text) == value


@pytest.mark.parametrize(
    "nested", [lambda n: "[" * n + "]" * n, lambda n: '{"a":' * n + "1" + "}" * n]
)
def test_only_so_many_levels_are_followed_wherever_one_asks(nested: Callable[[int], str]) -> None:
    assert foreign_json.parse(nested(DEPTH_MAX))
    for depth in (DEPTH_MAX + 1, 900, 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            foreign_json.parse(nested(depth))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5000])
def test_a_number_that_no_float_can_be_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match=r"Out of range|Exceeds the limit"):
        foreign_json.parse(f"[{number}]")


def test_a_long_text_may_hold_whatever_it_likes() -> None:
    log = '[1,2,{"a": "\\' * MEBIBYTE
    assert foreign_json.parse(json.dumps({"logs": log})) == {"logs": log}


@pytest.mark.attack
@pytest.mark.parametrize(
    ("make", "parse"),
    [
        (f"raw = b'a=' + b'%41' * ({8 * MEBIBYTE} // 3)", FORM),
        (f"raw = b'a=' + b'%41x' * ({8 * MEBIBYTE} // 4)", FORM),
        (f"raw = b'a=' + b'%' * {8 * MEBIBYTE}", FORM),
        (f"raw = b'[' + b'[],' * ({8 * MEBIBYTE} // 3) + b'1]'", JSON),
        (f"raw = b'[' + b'{{}},' * ({8 * MEBIBYTE} // 3) + b'1]'".replace("{{}}", "{}"), JSON),
        (f"raw = b'[' + b'1,' * ({8 * MEBIBYTE} // 2) + b'1]'", JSON),
        (f"raw = b'[,' + b'\"\\\\\\\\' * ({8 * MEBIBYTE} // 3)", JSON),
    ],
)
def test_no_body_takes_many_times_its_size(
    make: str, parse: str, record_property: Callable[[str, object], None]
) -> None:
    script = PEAK.format(make, parse.format("raw"))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    growth = int(done.stdout)
    record_property("memory growth, MiB", growth // MEBIBYTE)
    assert growth < GROWTH_MAX * 8 * MEBIBYTE
