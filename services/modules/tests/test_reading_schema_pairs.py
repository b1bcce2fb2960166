"""The older format: what published modules write is understood, faults name file and line."""

import json

import pytest

from services.modules.definition import Definition, DefinitionRefused, Fault, parse_definition

INPUT = """\
{
    "functions": [
        {
            "name": "attack[Shift]",
            "options": [
                {"name": "model", "type": "enum", "values": ["small", "large"], "required": true},
                {"name": "strength", "type": "float", "default": 1, "required": true},
                {"name": "verbose", "type": "bool", "required": false}
            ],
            "extensions": [
                {"tags": {"ftype": "data"}, "extension": "txt"},
                {"tags": {"ftype": "target"}, "extension": "txt"},
                {"ftype": null, "extension": ".ZIP"}
            ]
        },
        {"name": "Count", "options": [], "extensions": [{"extension": "txt"}]}
    ]
}
"""
OUTPUT = """\
{
    "functions": [
        {
            "name": "attack[Shift]",
            "output_tags": [{"name": "label", "type": "str"}],
            "has_modified_files": true,
            "has_extra_files": false
        },
        {"name": "Count", "tags": [], "files_modified": false, "files_extra": true}
    ]
}
"""


def parse(input_text: str = INPUT, output_text: str = OUTPUT) -> Definition:
    files = {"input.schema": input_text.encode(), "output.schema": output_text.encode()}
    return parse_definition(files, name="shifter")


def faults(input_text: str = INPUT, output_text: str = OUTPUT) -> tuple[Fault, ...]:
    with pytest.raises(DefinitionRefused) as refused:
        parse(input_text, output_text)
    return refused.value.faults


def test_a_pair_means_the_same_as_a_module_file() -> None:
    definition = parse()

    assert json.loads(definition.config_text) == {
        "display_name": "shifter",
        "tagline": "",
        "doctxt": "",
        "icon_url": None,
        "functions": [
            {
                "name": "attack[Shift]",
                "doctxt": "Input files: txt tagged ftype=data; txt tagged ftype=target.",
                "options": [
                    {
                        "name": "model",
                        "type": "enum",
                        "doctxt": "",
                        "required": True,
                        "enum_values": ["small", "large"],
                        "default": None,
                    },
                    {
                        "name": "strength",
                        "type": "float",
                        "doctxt": "",
                        "required": True,
                        "enum_values": None,
                        "default": 1.0,
                    },
                    {
                        "name": "verbose",
                        "type": "bool",
                        "doctxt": "",
                        "required": False,
                        "enum_values": None,
                        "default": None,
                    },
                ],
                "creates_new_files": False,
                "modifies_input_files": True,
                "expected_filetype": "txt",
                "optional_filetypes": ["zip"],
                "output_tags": [{"name": "label", "type": "str"}],
            },
            {
                "name": "Count",
                "doctxt": "",
                "options": [],
                "creates_new_files": True,
                "modifies_input_files": False,
                "expected_filetype": "txt",
                "optional_filetypes": [],
                "output_tags": [],
            },
        ],
    }


def test_texts_of_a_pair_are_kept_where_its_author_wrote_some() -> None:
    definition = parse(INPUT.replace('{\n    "f', '{"doctxt": "D", "tagline": "T",\n    "f', 1))

    assert (definition.doctxt, definition.tagline) == ("D", "T")


def test_tabs_and_surrogate_pairs_are_json_as_elsewhere() -> None:
    definition = parse(
        INPUT.replace("    ", "\t").replace("Count", "\\ud83d\\ude00"),
        OUTPUT.replace("Count", "\\ud83d\\ude00"),
    )

    assert definition.functions[1].name == "\N{GRINNING FACE}"


def test_numbers_among_the_values_of_an_enum_become_texts() -> None:
    text = INPUT.replace('["small", "large"]', '[1, 2.5, true], "default": 1')

    option = parse(text).functions[0].options[0]

    assert (option.enum_values, option.default) == (("1", "2.5", "True"), "1")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "allowed"),
    [
        ('"Count", "options"', '"Sum", "options"', 16, "functions[1].name", "output.schema"),
        ('"name": "model"', '"title": "model"', 6, "functions[0].options[0].name", "a text"),
        ('"float"', '"double"', 7, "functions[0].options[1].type", "str, int, float"),
        ('["small", "large"]', "[]", 6, "functions[0].options[0].values", "list of texts"),
        ('"small"', "null", 6, "functions[0].options[0].values[0]", "a text"),
        ('"default": 1', '"default": "much"', 7, "functions[0].options[1].default", "type float"),
        ('"required": false', '"required": 2', 8, "functions[0].options[2].required", "true or"),
        ('"extension": ".ZIP"', '"suffix": 1', 13, "functions[0].extensions[2].extension", "text"),
        ('{"ftype": "data"}', '"data"', 11, "functions[0].extensions[0].tags", "a mapping"),
        ("[],", "[,", 16, "(document)", "expecting value"),
        ('"txt"}]}', '"txt"}]', 17, "(document)", "expected ',' or '}'"),
        ('"default": 1', '"default": NaN', 7, "(document)", "a number that JSON allows"),
        ('"Count"', '"attack[Shift]"', 16, "functions[1].name", "is taken"),
    ],
)
def test_a_fault_of_the_input_schema_names_its_line(
    old: str, new: str, line: int, field: str, allowed: str
) -> None:
    assert old in INPUT

    found = faults(INPUT.replace(old, new, 1))

    assert [(fault.file, fault.line, fault.field) for fault in found] == [
        ("input.schema", line, field)
    ]
    assert allowed in found[0].message


def test_faults_of_both_files_come_together() -> None:
    found = faults(
        INPUT.replace('"bool"', '"flag"'), OUTPUT.replace('"has_extra_files": false', '"x": 1')
    )

    assert [(fault.file, fault.line, fault.field) for fault in found] == [
        ("input.schema", 8, "functions[0].options[2].type"),
        ("output.schema", 3, "functions[0].has_extra_files"),
    ]
    both = faults("{", "[")
    assert [fault.file for fault in both] == ["input.schema", "output.schema"]


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({}, "mlsploit_module.yaml"),
        ({"input.schema": b"{}"}, "output.schema"),
        ({"output.schema": b"{}"}, "input.schema"),
    ],
)
def test_a_repository_without_a_whole_definition_hears_what_is_missing(
    files: dict[str, bytes], missing: str
) -> None:
    with pytest.raises(DefinitionRefused, match="is missing") as refused:
        parse_definition(files, name="x")

    assert [fault.file for fault in refused.value.faults] == [missing]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "1" * 100_000, '"\\ud800"'])
def test_a_pair_made_to_exhaust_the_reader_is_refused(text: str) -> None:
    assert faults(text, text)
