"""Whatever bytes a repository holds, reading them ends in a definition or a refusal."""

import json
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.modules.definition import DefinitionRefused, Fault, parse_definition

VALID = (Path(__file__).parent / "definitions" / "00-valid.yaml").read_bytes()
FIELD_NAMES = """
    display_name tagline doctxt icon_url functions name options type required default enum_values
    values creates_new_files modifies_input_files expected_filetype optional_filetypes tags
    output_tags extensions extension has_extra_files has_modified_files int str enum <<
"""
FIELDS = st.sampled_from(FIELD_NAMES.split())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
    | FIELDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=8),
    max_leaves=40,
)
FRAGMENTS = st.sampled_from(
    rb"""
    &a *a !!int !!bool !!timestamp !!set !!binary !!float !!null ? - : << | > = { ] ' %YAML ---
    0x 1:99 .inf 2020-99-99 "\x "\ud800" "\U00110000"
    """.split()
) | st.sampled_from([b"\t", b"\r", b"\n", b"\n  ", b"\xff", b"\xef\xbb\xbf", b": ", b"- ", b"? "])


def read(files: dict[str, bytes]) -> None:
    """Either result will do; any other exception fails the test."""
    faults: tuple[Fault, ...] = ()
    try:
        parse_definition(files, name="x").config_text.encode()
    except DefinitionRefused as refused:
        faults = refused.faults
        str(refused).encode()
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults)


@given(data=st.binary(max_size=200))
def test_any_bytes_end_in_one_or_the_other(data: bytes) -> None:
    read({"mlsploit_module.yaml": data})
    read({"input.schema": data, "output.schema": data})


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_to_a_valid_file_ends_in_one_or_the_other(data: st.DataObject) -> None:
    text = VALID
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + data.draw(FRAGMENTS | st.binary(max_size=3)) + text[end:]
    read({"mlsploit_module.yaml": text})


@given(first=VALUES, second=VALUES)
@settings(max_examples=60, deadline=None)
def test_any_document_ends_in_one_or_the_other(first: object, second: object) -> None:
    read({"mlsploit_module.yaml": yaml.safe_dump(first).encode(errors="surrogatepass")})
    one, other = (json.dumps(value, default=repr).encode() for value in (first, second))
    read({"input.schema": one, "output.schema": other})
