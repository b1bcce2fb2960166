"""The newer format: each recorded verdict holds, and a broken file names its faults' places."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.modules.definition import (
    Definition,
    DefinitionRefused,
    Fault,
    Function,
    parse_definition,
)

DEFINITIONS = Path(__file__).parent / "definitions"
VERDICTS: dict[str, dict[str, Any]] = json.loads((DEFINITIONS / "verdicts.json").read_text())
# Registered here although the original refused them: no icon, and required enums without default.
REGISTERED_HERE = {
    "01-no-icon-url.yaml",
    "02-icon-url-null.yaml",
    "28-enum-no-default.yaml",
    "73-enum-default-null-required.yaml",
}
VALID = (DEFINITIONS / "00-valid.yaml").read_text()


def parse(text: str | bytes) -> Definition:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_definition({"mlsploit_module.yaml": data}, name="edge")


def faults(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(DefinitionRefused) as refused:
        parse(text)
    return refused.value.faults


def served(function: Function) -> dict[str, object]:
    return {
        "name": function.name,
        "creates_new_files": function.creates_new_files,
        "modifies_input_files": function.modifies_input_files,
        "expected_filetype": function.expected_filetype,
        "optional_filetypes": function.optional_filetypes_text,
        "options": function.options_text,
        "output_tags": function.output_tags_text,
    }


@pytest.mark.parametrize(("text", "seconds"), [("600", 600), ("'600'", 600), ("null", None)])
def test_a_function_may_have_a_limit_of_time(text: str, seconds: int | None) -> None:
    limited = VALID.replace("- name: Fn", f"- timeout_seconds: {text}\n  name: Fn")

    definition = parse(limited)

    assert definition.functions[0].timeout_seconds == seconds
    written = json.loads(definition.config_text)["functions"][0]
    assert written.get("timeout_seconds", "absent") == (seconds or "absent")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "true", "soon", "[600]", "99999999999"])
def test_a_limit_of_time_that_is_none_is_refused(text: str) -> None:
    limited = VALID.replace("- name: Fn", f"- timeout_seconds: {text}\n  name: Fn")

    [fault] = faults(limited)

    assert fault.field == "functions[0].timeout_seconds"
    assert "a whole number, 1 to" in fault.message


@pytest.mark.parametrize("file", sorted(VERDICTS))
def test_the_recorded_verdict_on_a_definition_holds(file: str) -> None:
    verdict = VERDICTS[file]
    data = (DEFINITIONS / file).read_bytes()
    if not verdict["registers"] and file not in REGISTERED_HERE:
        assert faults(data)
        return
    definition = parse(data)
    if verdict["normalised"]:
        expected = verdict["normalised"]
        icon_url = None if expected["icon_url"] == "None" else expected["icon_url"]
        found, wanted = definition.config_text, json.dumps(expected | {"icon_url": icon_url})
        # As texts: NaN, which a definition may hold, equals nothing, not even itself.
        assert json.dumps(json.loads(found), sort_keys=True) == json.dumps(
            json.loads(wanted), sort_keys=True
        )
    if verdict["served_functions"]:
        assert [served(function) for function in definition.functions] == verdict[
            "served_functions"
        ]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "allowed"),
    [
        ("tagline: A module", "tagline: " + "x" * 51, 2, "tagline", "at most 50 characters"),
        ("doctxt: Text of the module.", "doctxt: 2020-01-01", 3, "doctxt", "a text"),
        ("- name: Fn", "- title: Fn", 5, "functions[0].name", "a text"),
        ("name: opt", "name: max-epsilon", 8, "functions[0].options[0].name", "identifier"),
        ("type: int", "type: integer", 9, "functions[0].options[0].type", "str, int, float"),
        ("type: int", "type: enum", 8, "functions[0].options[0].enum_values", "list of texts"),
        ("required: true", "required: maybe", 11, "functions[0].options[0].required", "true or"),
        ("default: 3", "default: three", 12, "functions[0].options[0].default", "type int"),
        ("default: 3", "default: [3]", 12, "functions[0].options[0].default", "type int"),
        ("  - jpg", "  - {jpg: 1}", 17, "functions[0].optional_filetypes[0]", "a text"),
        ("type: str", "type: bool", 20, "functions[0].output_tags[0].type", "str, int, float"),
        ("icon.png", "icon.gif", 21, "icon_url", ".png"),
        ("https://example", "ftp://example", 21, "icon_url", "http"),
        ("  doctxt", "\tdoctxt", 6, "(document)", "cannot start any token"),
        ("name: opt", "name: *nobody", 8, "(document)", "undefined alias"),
        ("name: opt", 'name: "\\ud800"', 8, "(document)", "cannot be stored"),
        ("default: 3", "default: 2020-13-45", 12, "(document)", "type 'timestamp'"),
        ("default: 3", "default: !!python/none x", 12, "(document)", "python/none"),
        ("name: Fn", 'name: "\\U00110000"', 5, "(document)", "cannot be read"),
        ("name: Fn", "name: F\x07n", 5, "(document)", "U+0007"),
    ],
)
def test_a_fault_names_its_line_its_field_and_what_is_allowed(
    old: str, new: str, line: int, field: str, allowed: str
) -> None:
    assert old in VALID

    found = faults(VALID.replace(old, new, 1))

    assert [(fault.line, fault.field) for fault in found] == [(line, field)]
    assert allowed in found[0].message
    assert str(found[0]).startswith(f"mlsploit_module.yaml:{line}:{found[0].column}: {field}: ")


def test_all_faults_of_a_file_come_together() -> None:
    text = VALID.replace("tagline: A module\n", "").replace("type: int", "type: whole")
    text = text.replace("expected_filetype: txt", "expected_filetype: [txt]")

    found = [(fault.line, fault.column, fault.field) for fault in faults(text)]

    assert found == [
        (1, 1, "tagline"),
        (8, 11, "functions[0].options[0].type"),
        (14, 22, "functions[0].expected_filetype"),
    ]


def test_a_byte_that_is_not_utf_8_is_placed_by_line_and_column() -> None:
    [fault] = faults(b"display_name: Edge\ntagline: caf\xe9\n")

    assert (fault.line, fault.column, "UTF-8" in fault.message) == (2, 13, True)


def test_merge_keys_mean_what_yaml_says() -> None:
    text = VALID.replace("- name: opt", "- &base\n    name: opt").replace(
        "  creates_new", "  - <<: *base\n    name: other\n  creates_new"
    )

    first, second = parse(text).functions[0].options

    assert (second.name, second.type, second.default) == ("other", first.type, first.default)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 5_000,
        "- " * 20_000,
        "&a [*a]",
        "&a {<<: *a}",
        "\n".join(
            ["a0: &a0 {k: v}"]
            + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
        ),
        "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 20)]),
        "x" * (256 * 1024 + 1),
        "functions: 0x" + "f" * 100_000,
    ],
    ids=["flow", "maps", "blocks", "loop", "merge-loop", "merge-bomb", "bomb", "long", "number"],
)
def test_a_file_made_to_exhaust_the_reader_is_refused(text: str) -> None:
    assert faults(text)
