"""What this service answers: the promise to its callers."""

from typing import Any

from shared.openapi import Answer, JsonString, Url, example_url, shown_as

REPOSITORY = "https://example.org/digits.git"
COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
FUNCTION: dict[str, Any] = {
    "id": 1,
    "url": example_url("functions"),
    "name": "FGSM",
    "module": example_url("modules"),
    "module_name": "digits",
    "repo_url": REPOSITORY,
    "commit": COMMIT,
    "doctxt": "Perturb images along the sign of the gradient.",
    "options": '[{"name": "epsilon", "type": "float", "doctxt": "Size of a step", '
    '"required": true, "enum_values": null, "default": 0.1}]',
    "creates_new_files": False,
    "modifies_input_files": True,
    "expected_filetype": "npz",
    "optional_filetypes": "null",
    "output_tags": "[]",
}


class FunctionRead(Answer):
    model_config = shown_as(**FUNCTION)

    id: int
    url: Url
    name: str
    module: Url
    module_name: str
    repo_url: str
    commit: str
    doctxt: str
    options: JsonString
    creates_new_files: bool
    modifies_input_files: bool
    expected_filetype: str
    optional_filetypes: JsonString
    output_tags: JsonString


class ModuleRead(Answer):
    model_config = shown_as(
        id=1,
        url=example_url("modules"),
        name="digits",
        repo_url=REPOSITORY,
        repo_branch="main",
        commit=COMMIT,
        display_name="Digits",
        functions=[FUNCTION],
        tagline="Attack and defend a classifier",
        doctxt="A small classifier of digits, an attack on it and a defence.",
        config='{"module": {"display_name": "Digits"}}',
        icon_url="",
    )

    id: int
    url: Url
    name: str
    repo_url: str
    repo_branch: str
    commit: str
    display_name: str
    functions: list[FunctionRead]
    tagline: str
    doctxt: str
    config: JsonString
    icon_url: str
